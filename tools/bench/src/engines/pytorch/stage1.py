"""One training step of BLIP-2's first stage: ITC, ITM and ITG, their gradients, and AdamW; what `stage1Terms` computes."""

import torch
import torch.nn.functional as F
from torch import nn

from qformer import EPSILON, QFormer

IMAGE_EPSILON = 1e-6
SMOOTHING = 0.1
MASKED = -10000.0


class Stage1(nn.Module):
    def __init__(self, sizes, vocabulary, positions, projection):
        super().__init__()
        width = sizes["width"]
        self.qformer = QFormer(**sizes, text=True)
        self.image_norm = nn.LayerNorm(sizes["image_width"], IMAGE_EPSILON)
        self.words = nn.Embedding(vocabulary, width)
        self.positions = nn.Parameter(torch.randn(positions, width) * 0.02)
        nn.init.normal_(self.words.weight, std=0.02)
        self.image_head, self.text_head = nn.Linear(width, projection), nn.Linear(width, projection)
        self.match_head = nn.Linear(width, 2)
        self.transform, self.transform_norm = nn.Linear(width, width), nn.LayerNorm(width, EPSILON)
        self.word_bias = nn.Parameter(torch.zeros(vocabulary))
        self.temperature = nn.Parameter(torch.tensor(0.07))

    def image_keys(self, features):
        """Keys and values of each layer that looks. The norm's scale and shift are folded into the projections."""
        plain = F.layer_norm(features, features.shape[-1:], eps=IMAGE_EPSILON)
        norm = self.image_norm

        def read(linear):
            return F.linear(plain, linear.weight * norm.weight, linear.weight @ norm.bias + linear.bias)

        layers = self.qformer.layers
        return [layer.cross and (read(layer.cross.key), read(layer.cross.value)) for layer in layers]

    def embed_words(self, ids):
        return self.words(ids) + self.positions[: ids.shape[1]]

    def forward(self, features, ids, mask, start):
        qformer, (B, T), Q = self.qformer, ids.shape, self.qformer.queries
        additive = lambda keep: (1 - keep)[:, None, None, :] * MASKED
        image_keys = self.image_keys(features)
        seen, cache = qformer(qformer.embed(B), Q, image_keys)
        text, _ = qformer(qformer.embed(words=self.embed_words(ids)), 0, mask=additive(mask))

        # contrast
        images = F.normalize(self.image_head(seen), dim=-1)
        texts = F.normalize(self.text_head(text[:, 0]), dim=-1)
        sim = (images.flatten(0, 1) @ texts.t()).view(B, Q, B).amax(1) / self.temperature
        own = torch.arange(B)
        contrast = sum(F.cross_entropy(s, own, label_smoothing=SMOOTHING) for s in (sim, sim.t())) / 2

        # match
        with torch.no_grad():
            others = sim.detach().masked_fill(torch.eye(B, dtype=torch.bool), MASKED)
            wrong_image = torch.multinomial(others.t().softmax(1), 1)[:, 0]
            wrong_text = torch.multinomial(others.softmax(1), 1)[:, 0]
        text_rows = torch.cat([own, own, wrong_text])
        image_rows = torch.cat([own, wrong_image, own])
        chosen = [keys and tuple(one[image_rows] for one in keys) for keys in image_keys]
        keep = torch.cat([torch.ones(3 * B, Q), mask[text_rows]], 1)
        rows = qformer.embed(3 * B, self.embed_words(ids[text_rows]))
        matched, _ = qformer(rows, Q, chosen, queries_only=True, mask=additive(keep))
        labels = (torch.arange(3 * B) < B).long()
        match = F.cross_entropy(self.match_head(matched.mean(1)), labels)

        # caption
        inputs = torch.cat([torch.full((B, 1), start), ids[:, 1:]], 1)
        before = torch.ones(T, Q + T).tril(Q)
        causal = (1 - before * torch.cat([torch.ones(B, Q), mask], 1)[:, None, :])[:, None] * MASKED
        hidden, _ = qformer(qformer.embed(words=self.embed_words(inputs)), 0, past=cache, mask=causal)
        x = self.transform_norm(F.gelu(self.transform(hidden)))
        logits = F.linear(x, self.words.weight, self.word_bias)[:, :-1]
        caption = F.cross_entropy(
            logits.flatten(0, 1), inputs[:, 1:].flatten(), ignore_index=0, label_smoothing=SMOOTHING
        )
        return contrast + match + caption


def stage1(B, N, T, layers, width, heads, inner, queries, imageWidth, vocabulary, positions, projection):
    sizes = dict(
        layers=layers, width=width, heads=heads, inner=inner, queries=queries, image_width=imageWidth
    )
    model = Stage1(sizes, vocabulary, positions, projection)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [dict(params=matrices, weight_decay=0.05), dict(params=others, weight_decay=0.0)]
    optimiser = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.98), fused=True)
    features, mask = torch.randn(B, N, imageWidth), torch.ones(B, T)
    ids = torch.randint(1000, 30000, (B, T))

    def run():
        loss = model(features, ids, mask, start=1)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return loss

    return run
