"""A Q-Former (BLIP-2, section 3.1) without dropout, in plain PyTorch: the passes of @blip2/qformer."""

import torch
import torch.nn.functional as F
from torch import nn

EPSILON = 1e-12


class Attention(nn.Module):
    """Attention, its output projection, and the norm after adding."""

    def __init__(self, width, key_width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.dense = nn.Linear(width, width), nn.Linear(width, width)
        self.key, self.value = nn.Linear(key_width, width), nn.Linear(key_width, width)
        self.norm = nn.LayerNorm(width, EPSILON)

    def keys(self, x):
        return self.key(x), self.value(x)

    def forward(self, x, keys, mask=None):
        apart = lambda t: t.view(t.shape[0], t.shape[1], self.heads, -1).transpose(1, 2)
        query, key, value = map(apart, (self.query(x), *keys))
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.norm(x + self.dense(seen.transpose(1, 2).flatten(2)))


class FeedForward(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norm = nn.LayerNorm(width, EPSILON)

    def forward(self, x):
        return self.norm(x + self.down(F.gelu(self.up(x))))


class Layer(nn.Module):
    def __init__(self, width, heads, inner, image_width, text):
        super().__init__()
        self.attention = Attention(width, width, heads)
        self.cross = Attention(width, image_width, heads) if image_width else None
        self.query_ffn = FeedForward(width, inner)
        self.text_ffn = FeedForward(width, inner) if text else None

    def forward(self, x, queries, mask=None, image_keys=None, past=None, queries_only=False):
        """[B,L,W], the first `queries` of them queries -> the same, and the keys and values of self-attention"""
        own = self.attention.keys(x)
        keys = [torch.cat(pair, 1) for pair in zip(past, own)] if past else own
        attended = self.attention(x[:, :queries] if queries_only else x, keys, mask)
        parts = []
        if queries:
            query = attended[:, :queries]
            parts.append(self.query_ffn(self.cross(query, image_keys) if self.cross else query))
        if attended.shape[1] > queries:
            parts.append(self.text_ffn(attended[:, queries:]))
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1), own


class QFormer(nn.Module):
    def __init__(self, layers, width, heads, inner, queries, image_width, text=False):
        super().__init__()
        self.queries = queries
        self.query_tokens = nn.Parameter(torch.randn(1, queries, width) * 0.02)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.layers = nn.ModuleList(
            Layer(width, heads, inner, image_width if j % 2 == 0 else None, text) for j in range(layers)
        )

    def embed(self, rows=0, words=None):
        parts = [self.norm(self.query_tokens).expand(rows, -1, -1)] if rows else []
        if words is not None:
            parts.append(self.norm(words))
        return torch.cat(parts, 1)

    def forward(self, x, queries, image_keys=None, past=None, queries_only=False, mask=None):
        cache = []
        for j, layer in enumerate(self.layers):
            x, keys = layer(
                x,
                queries,
                mask,
                image_keys=image_keys and image_keys[j],
                past=past and past[j],
                queries_only=queries_only and j == len(self.layers) - 1,
            )
            cache.append(keys)
        return x, cache


def qformer(B, N, layers, width, heads, inner, queries, imageWidth):
    """Queries attend to images: features [B,N,D] -> [B,Q,W]"""
    model = QFormer(layers, width, heads, inner, queries, imageWidth)
    features = torch.randn(B, N, imageWidth)

    def run():
        image_keys = [layer.cross and layer.cross.keys(features) for layer in model.layers]
        return model(model.embed(B), queries, image_keys)[0]

    return run
