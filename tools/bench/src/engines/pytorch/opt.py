"""One token of an OPT (Zhang et al. 2022) with a cache, in plain PyTorch: what `optForward` and `optHead` compute."""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.attention_norm, self.ffn_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x, past):
        apart = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        normed = self.attention_norm(x)
        key, value = (torch.cat(pair, 1) for pair in zip(past, (self.k(normed), self.v(normed))))
        seen = F.scaled_dot_product_attention(*map(apart, (self.q(normed), key, value)))
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.down(F.relu(self.up(self.ffn_norm(x)))), (key, value)


def token(layers, width, heads, inner, vocabulary, past):
    words, positions = torch.randn(vocabulary, width) * 0.02, torch.randn(2050, width) * 0.02
    blocks = nn.ModuleList(Block(width, heads, inner) for _ in range(layers))
    norm = nn.LayerNorm(width)
    memory = [(torch.randn(1, past, width), torch.randn(1, past, width)) for _ in range(layers)]

    def run():
        x = (words[5] + positions[past + 2]).view(1, 1, width)
        cache = []
        for block, before in zip(blocks, memory):
            x, keys = block(x, before)
            cache.append(keys)
        return F.linear(norm(x), words), cache

    return run
