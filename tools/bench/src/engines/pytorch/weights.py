"""Weights of large models, quickly."""

import torch

DRAWN = 65_537  # a prime, so that no two rows of a table are the same


def filled(make, dtype="float32"):
    """A model in a precision, with some random numbers over and over; norms multiply by 1."""
    precision = getattr(torch, dtype)
    with torch.device("meta"):
        model = make()
    model = model.to(precision).to_empty(device="cpu")
    drawn = (torch.randn(DRAWN) * 0.02).to(precision)
    for name, parameter in model.named_parameters():
        flat = parameter.data.view(-1)
        whole = flat.numel() // DRAWN * DRAWN
        flat[:whole].view(-1, DRAWN).copy_(drawn)
        flat[whole:] = drawn[: flat.numel() - whole]
        if "norm" in name and name.endswith("weight"):
            flat.fill_(1)
    return model
