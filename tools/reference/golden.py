"""What every script that makes a folder of reference values shares."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file


@torch.no_grad()
def randomise(model, seed):
    """Fills every parameter, so that none is where a wrong program could leave it: norms near 1, biases not 0."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if parameter.ndim < 2:
            is_scale = name.endswith("weight") or "lambda" in name
            parameter.copy_(1 + 0.2 * noise if is_scale else 0.2 * noise)
        elif "embed" in name or "token" in name:
            parameter.copy_(0.7 * noise)
        else:
            parameter.copy_(1.3 * noise / parameter[0].numel() ** 0.5)
    return model.eval()


def write(out, tensors, facts):
    """golden.safetensors and golden.json."""
    out = Path(out)
    kept = {}
    for name, tensor in tensors.items():
        dtype = torch.float32 if tensor.is_floating_point() else torch.int32
        kept[name] = tensor.detach().to(dtype).contiguous().clone()
    save_file(kept, out / "golden.safetensors")
    (out / "golden.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{out}: {len(kept)} tensors")


def size_arguments(parser, prefix, **defaults):
    """--PREFIX-width and so on."""
    for name, default in defaults.items():
        parser.add_argument("--" + "-".join(filter(None, [prefix, *name.split("_")])), type=int, default=default)
