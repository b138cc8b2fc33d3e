"""Half precision from a file in the system's cache, widened to float32."""

import tempfile

import torch


def load(values):
    file = tempfile.NamedTemporaryFile()
    torch.randn(values).half().numpy().tofile(file)
    file.flush()

    def run():
        with open(file.name, "rb") as stored:
            return torch.frombuffer(bytearray(stored.read()), dtype=torch.float16).float()

    return run
