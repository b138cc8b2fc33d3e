"""BLIP-2 with greedy search, and without tokens what a retrieval model computes of an image."""

import torch
import torch.nn.functional as F
from torch import nn

from opt import Opt
from qformer import QFormer
from vit import Vit
from weights import filled

PROJECTION = 256


class ImageCaption(nn.Module):
    def __init__(self, vision, qformer, language=None):
        super().__init__()
        self.vision = Vit(**vision)
        self.norm = nn.LayerNorm(vision["width"])
        self.qformer = QFormer(**qformer)
        self.opt = Opt(**language) if language else None
        self.project = nn.Linear(qformer["width"], language["width"] if language else PROJECTION)

    def prompt(self, pixels):
        features = self.norm(self.vision(pixels))
        images = [layer.cross and layer.cross.keys(features) for layer in self.qformer.layers]
        return self.project(self.qformer(self.qformer.embed(1), self.qformer.queries, images)[0])

    def forward(self, pixels, made):
        prompt = self.prompt(pixels)
        if made == 0:
            return F.normalize(prompt, dim=-1)
        start = self.opt.words[torch.tensor([[2]])]
        logits, memory = self.opt(torch.cat([prompt, start], 1), self.opt.empty(1), causal=True)
        ids = [logits.argmax(-1)]
        for _ in range(made - 1):
            logits, memory = self.opt.step(ids[-1], memory)
            ids.append(logits.argmax(-1))
        return torch.stack(ids, 1)


def image_caption(dtype, made, **sizes):
    part = lambda name: {size: sizes[name + size.capitalize()] for size in ("layers", "width", "heads", "inner")}
    vision = dict(N=sizes["N"], **part("vision"), gelu=True)
    qformer = dict(**part("qformer"), queries=sizes["queries"], image_width=vision["width"])
    language = {size: sizes[size] for size in ("layers", "width", "heads", "inner", "vocabulary")} if made else None
    model = filled(lambda: ImageCaption(vision, qformer, language), dtype)
    pixels = torch.randn(1, 3, *[model.vision.side] * 2, dtype=getattr(torch, dtype))
    return lambda: model(pixels, made)
