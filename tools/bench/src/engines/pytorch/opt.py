"""OPT (Zhang et al. 2022) with a cache, in plain PyTorch: what `optForward` and `optHead` compute."""

import torch
import torch.nn.functional as F
from torch import nn

from weights import filled


class Block(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.attention_norm, self.ffn_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x, past, causal=False):
        apart = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        normed = self.attention_norm(x)
        key, value = (torch.cat(pair, 1) for pair in zip(past, (self.k(normed), self.v(normed))))
        seen = F.scaled_dot_product_attention(*map(apart, (self.q(normed), key, value)), is_causal=causal)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.down(F.relu(self.up(self.ffn_norm(x)))), (key, value)


class Opt(nn.Module):
    def __init__(self, layers, width, heads, inner, vocabulary):
        super().__init__()
        self.words = nn.Parameter(torch.randn(vocabulary, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(2050, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads, inner) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x, memory, causal=False):
        """[B,L,W] after what memory holds -> logits of the last place [B,V], and the memory with these L places"""
        past = memory[0][0].shape[1]
        x = x + self.positions[past + 2 : past + 2 + x.shape[1]]
        cache = []
        for block, before in zip(self.blocks, memory):
            x, keys = block(x, before, causal)
            cache.append(keys)
        return F.linear(self.norm(x[:, -1]), self.words), cache

    def empty(self, rows):
        nothing = self.words.new_zeros(rows, 0, self.words.shape[1])
        return [(nothing, nothing) for _ in self.blocks]

    def step(self, ids, memory):
        return self(self.words[ids][:, None], memory)


def chosen(memory, rows):
    return [tuple(one[rows] for one in pair) for pair in memory]


def beam_token(past, rows=1, dtype="float32", **sizes):
    """One token of each row; several rows are put into another order first."""
    model = filled(lambda: Opt(**sizes), dtype)
    remembered = lambda: torch.randn(rows, past, sizes["width"]).to(model.words.dtype)
    memory = [(remembered(), remembered()) for _ in model.blocks]
    ids = torch.full((rows,), 5)
    order = (torch.arange(rows) - 1).clamp(min=0)
    return lambda: model.step(ids, chosen(memory, order) if rows > 1 else memory)


def token(past, **sizes):
    return beam_token(past, 1, **sizes)


def prefill(read, **sizes):
    """A prompt of vectors."""
    model = Opt(**sizes)
    prompt = torch.randn(1, read, sizes["width"])
    return lambda: model(prompt, model.empty(1), causal=True)


def beam_search(read, beams, made, **sizes):
    """A prompt, and `made` tokens by beam search in which no text ends early."""
    model = Opt(**sizes)
    prompt = torch.randn(1, read, sizes["width"])

    def run():
        logits, memory = model(prompt, model.empty(1), causal=True)
        sums, ids = F.log_softmax(logits, -1).flatten().topk(beams)
        texts, rows = ids[:, None], torch.zeros(beams, dtype=torch.long)
        for _ in range(made - 1):
            logits, memory = model.step(texts[:, -1], chosen(memory, rows))
            scores = F.log_softmax(logits, -1) + sums[:, None]
            sums, best = scores.flatten().topk(2 * beams)
            sums, best = sums[:beams], best[:beams]
            rows, ids = best // logits.shape[1], best % logits.shape[1]
            texts = torch.cat([texts[rows], ids[:, None]], 1)
        return texts

    return run
