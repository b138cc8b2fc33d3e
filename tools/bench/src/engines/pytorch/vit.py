"""A vision transformer (Dosovitskiy et al. 2020) with CLIP's norm and activation, in plain PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn

EPSILON = 1e-5
PATCH = 14


class Block(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)

    def forward(self, x):
        apart = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        seen = F.scaled_dot_product_attention(*map(apart, self.qkv(self.norm1(x)).chunk(3, -1)))
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        inner = self.up(self.norm2(x))
        return x + self.down(inner * torch.sigmoid(1.702 * inner))


def vit(B, N, layers, width, heads, inner):
    """[B,3,H,W] -> [B,N,D]"""
    patches = nn.Conv2d(3, width, PATCH, PATCH, bias=False)
    first, positions = torch.randn(1, 1, width) * 0.02, torch.randn(1, N, width) * 0.02
    norm = nn.LayerNorm(width, EPSILON)
    blocks = nn.Sequential(*(Block(width, heads, inner) for _ in range(layers)))
    side = PATCH * int((N - 1) ** 0.5)
    pixels = torch.randn(B, 3, side, side)

    def run():
        seen = patches(pixels).flatten(2).transpose(1, 2)
        return blocks(norm(torch.cat([first.expand(B, -1, -1), seen], 1) + positions))

    return run
