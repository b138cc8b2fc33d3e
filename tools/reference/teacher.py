"""EfficientNet-Lite0 (Tan and Le 2019; the "lite" variant without squeeze-and-excitation) as a teacher of picture features.

Reads raw RGB pictures (uint8, 224x224x3, one after the other) from standard input and writes, for each, its 7x7 map of
features as float16 to standard output, projected onto the leading principal components of the first pictures:

    python teacher.py --weights efficientnet-lite0.pth --components 256 --fit 1500 --basis basis.npz < views > features

The basis is fitted on the first --fit pictures and kept in --basis; when that file exists, it is used as it is.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

SIDE = 224
# kernel, stride, expansion, output channels, repeats
STAGES = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]


class SameConv(nn.Conv2d):
    """Pads as TensorFlow's "same": the odd pixel goes to the right and to the bottom."""

    def forward(self, x):
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[-2:]]
        x = nn.functional.pad(x, (pads[1] // 2, pads[1] - pads[1] // 2, pads[0] // 2, pads[0] - pads[0] // 2))
        return super().forward(x)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    def __init__(self, width, kernel, stride, expansion, out):
        super().__init__()
        inner = width * expansion
        if expansion > 1:
            self._expand_conv = SameConv(width, inner, 1, bias=False)
            self._bn0 = norm(inner)
        self._depthwise_conv = SameConv(inner, inner, kernel, stride, groups=inner, bias=False)
        self._bn1 = norm(inner)
        self._project_conv = SameConv(inner, out, 1, bias=False)
        self._bn2 = norm(out)
        self.residual = stride == 1 and width == out

    def forward(self, x):
        y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_expand_conv") else x
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    def __init__(self):
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = norm(32)
        blocks, width = [], 32
        for kernel, stride, expansion, out, repeats in STAGES:
            for i in range(repeats):
                blocks.append(Block(width, kernel, stride if i == 0 else 1, expansion, out))
                width = out
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv(320, 1280, 1, bias=False)
        self._bn1 = norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def features(self, x):
        """[B,3,224,224] -> [B,1280,7,7]"""
        x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return nn.functional.relu6(self._bn1(self._conv_head(x)))


def load(path):
    model = EfficientNetLite0()
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    model = model.eval().to(memory_format=torch.channels_last)
    with torch.inference_mode():  # freezing folds the batch norms into the convolutions
        example = torch.zeros(1, 3, SIDE, SIDE)
        return torch.jit.freeze(torch.jit.trace_module(model, {"features": example}), ["features"])


def preprocess(pictures):
    """uint8 [B,224,224,3] -> [B,3,224,224], as the model was trained."""
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127) / 128


def feature_maps(model, pictures):
    """[B,49,1280], cells row by row"""
    with torch.inference_mode():
        return model.features(preprocess(pictures)).flatten(2).transpose(1, 2)


def fit(cells, components):
    """Mean, leading principal components and their standard deviations of [N,1280]."""
    mean = cells.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((cells - mean).T))
    order = values.argsort(descending=True)[:components]
    kept = values[order].sum() / values.sum()
    print(f"{components} components keep {kept:.3f} of the variance", file=sys.stderr)
    return {"mean": mean.numpy(), "vectors": vectors[:, order].numpy(), "std": values[order].sqrt().numpy()}


def batches(stream, size):
    bytes_each = SIDE * SIDE * 3
    while True:
        chunk = stream.read(bytes_each * size)
        if not chunk:
            return
        yield np.frombuffer(chunk, np.uint8).reshape(-1, SIDE, SIDE, 3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--components", type=int, default=256)
    parser.add_argument("--fit", type=int, default=1500)
    parser.add_argument("--basis", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=32)
    options = parser.parse_args()
    model = load(options.weights)
    basis = dict(np.load(options.basis)) if options.basis.exists() else None
    waiting = []

    def write(maps):
        # One scale for all components: the leading ones stay the more important.
        projected = (maps - torch.from_numpy(basis["mean"])) @ torch.from_numpy(basis["vectors"])
        scaled = projected / float(np.sqrt((basis["std"] ** 2).mean()))
        sys.stdout.buffer.write(scaled.numpy().astype(np.float16).tobytes())

    def settle():
        nonlocal basis
        maps = torch.cat(waiting)
        basis = fit(maps.reshape(-1, maps.shape[-1]), options.components)
        np.savez(options.basis, **basis)
        write(maps)
        waiting.clear()

    for pictures in batches(sys.stdin.buffer, options.batch):
        maps = feature_maps(model, pictures)
        if basis is None:
            waiting.append(maps)
            if sum(len(w) for w in waiting) >= options.fit:
                settle()
        else:
            write(maps)
    if waiting:
        settle()


if __name__ == "__main__":
    main()
