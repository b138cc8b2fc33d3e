"""A vision transformer (Dosovitskiy et al. 2020) in plain PyTorch: CLIP's, with its first norm and activation, or with GELU."""

import torch
import torch.nn.functional as F
from torch import nn

EPSILON = 1e-5
PATCH = 14


class Block(nn.Module):
    def __init__(self, width, heads, inner, gelu):
        super().__init__()
        self.heads, self.gelu = heads, gelu
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)

    def forward(self, x):
        apart = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        seen = F.scaled_dot_product_attention(*map(apart, self.qkv(self.norm1(x)).chunk(3, -1)))
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        inner = self.up(self.norm2(x))
        return x + self.down(F.gelu(inner) if self.gelu else inner * torch.sigmoid(1.702 * inner))


class Vit(nn.Module):
    """[B,3,H,W] -> [B,N,D]"""

    def __init__(self, N, layers, width, heads, inner, gelu=False):
        super().__init__()
        self.patches = nn.Conv2d(3, width, PATCH, PATCH, bias=gelu)
        self.first = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, N, width) * 0.02)
        self.norm = nn.Identity() if gelu else nn.LayerNorm(width, EPSILON)
        self.blocks = nn.Sequential(*(Block(width, heads, inner, gelu) for _ in range(layers)))
        self.side = PATCH * int((N - 1) ** 0.5)

    def forward(self, pixels):
        seen = self.patches(pixels).flatten(2).transpose(1, 2)
        first = self.first.expand(pixels.shape[0], -1, -1)
        return self.blocks(self.norm(torch.cat([first, seen], 1) + self.positions))


def vit(B, N, layers, width, heads, inner):
    model = Vit(N, layers, width, heads, inner)
    pixels = torch.randn(B, 3, model.side, model.side)
    return lambda: model(pixels)
