"""Makes a folder of kind 'stage1': a Q-Former with random weights under LAVIS' names, and what the first stage gives for one
batch: outputs, losses, gradients, and the losses before each of some AdamW steps.

    python make_stage1.py --out made/stage1 --queries 3 --frequency 1 --heads 2 --layers 3

The Q-Former here is written from the papers (Li et al. 2023, section 3.1; Dong et al. 2019 for the captioning mask), plain
and slow, to be compared with.
"""

import argparse
from pathlib import Path

import torch
from golden import size_arguments, write
from safetensors.torch import save_file
from torch.nn import functional as F

BERT = "Qformer.bert."
HEAD = "Qformer.cls.predictions."
FAR = -10000.0
SPECIAL = {"pad_token_id": 0, "cls_token_id": 1, "sep_token_id": 2}


def shapes(c):
    """Every parameter by its name in LAVIS' checkpoints."""
    width, inner, vocabulary = c["hidden_size"], c["intermediate_size"], c["vocab_size"]
    made = {}

    def linear(name, inputs, outputs):
        made.update({f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)})

    def norm(name):
        made.update({f"{name}.weight": (width,), f"{name}.bias": (width,)})

    def attention(name, keys):
        linear(f"{name}.self.query", width, width)
        linear(f"{name}.self.key", keys, width)
        linear(f"{name}.self.value", keys, width)
        linear(f"{name}.output.dense", width, width)
        norm(f"{name}.output.LayerNorm")

    made["query_tokens"] = (1, c["num_query_tokens"], width)
    made[f"{BERT}embeddings.word_embeddings.weight"] = (vocabulary, width)
    made[f"{BERT}embeddings.position_embeddings.weight"] = (c["max_position_embeddings"], width)
    norm(f"{BERT}embeddings.LayerNorm")
    for i in range(c["num_hidden_layers"]):
        layer = f"{BERT}encoder.layer.{i}"
        attention(f"{layer}.attention", width)
        if i % c["cross_attention_frequency"] == 0:
            attention(f"{layer}.crossattention", c["encoder_width"])
        for branch in ("", "_query"):
            linear(f"{layer}.intermediate{branch}.dense", width, inner)
            linear(f"{layer}.output{branch}.dense", inner, width)
            norm(f"{layer}.output{branch}.LayerNorm")
    made[f"{HEAD}bias"] = (vocabulary,)
    linear(f"{HEAD}transform.dense", width, width)
    norm(f"{HEAD}transform.LayerNorm")
    linear("vision_proj", width, c["embed_dim"])
    linear("text_proj", width, c["embed_dim"])
    linear("itm_head", width, 2)
    made["temp"] = ()
    return made


def initial(c, generator):
    weights = {}
    for name, shape in shapes(c).items():
        noise = torch.randn(shape, generator=generator)
        if name == "temp":
            weights[name] = torch.tensor(0.07)
        elif name.endswith("LayerNorm.weight"):
            weights[name] = 1 + 0.1 * noise
        elif len(shape) == 1:
            weights[name] = 0.1 * noise
        else:
            weights[name] = noise * (0.5 if "embed" in name or "token" in name else shape[-1] ** -0.5)
    return {name: tensor.requires_grad_() for name, tensor in weights.items()}


class QFormer:
    def __init__(self, weights, c):
        self.w, self.c = weights, c

    def linear(self, name, x):
        return F.linear(x, self.w[f"{name}.weight"], self.w[f"{name}.bias"])

    def norm(self, name, x):
        weight, bias = self.w[f"{name}.LayerNorm.weight"], self.w[f"{name}.LayerNorm.bias"]
        return F.layer_norm(x, x.shape[-1:], weight, bias, self.c["layer_norm_eps"])

    def heads(self, x):
        return x.unflatten(-1, (self.c["num_attention_heads"], -1)).transpose(1, 2)

    def attend(self, name, x, source, mask, past=None):
        """With the residual and the norm after it; also the keys and values of `source`."""
        query = self.heads(self.linear(f"{name}.self.query", x))
        own = [self.heads(self.linear(f"{name}.self.{part}", source)) for part in ("key", "value")]
        key, value = [torch.cat([before, now], 2) for before, now in zip(past, own)] if past else own
        scores = query @ key.transpose(-1, -2) / key.shape[-1] ** 0.5
        seen = (scores if mask is None else scores + mask).softmax(-1) @ value
        made = self.linear(f"{name}.output.dense", seen.transpose(1, 2).flatten(2))
        return self.norm(f"{name}.output", made + x), own

    def feed(self, layer, branch, x):
        inner = F.gelu(self.linear(f"{layer}.intermediate{branch}.dense", x))
        return self.norm(f"{layer}.output{branch}", self.linear(f"{layer}.output{branch}.dense", inner) + x)

    def run(self, queries=None, ids=None, images=None, keep=None, past=None):
        """keep [B,rows,keys] says what sees what. Gives all rows, queries first, and the keys and values."""
        parts = [queries] if queries is not None else []
        if ids is not None:
            positions = self.w[f"{BERT}embeddings.position_embeddings.weight"][: ids.shape[1]]
            parts.append(self.w[f"{BERT}embeddings.word_embeddings.weight"][ids] + positions)
        x = self.norm(f"{BERT}embeddings", torch.cat(parts, 1))
        count = 0 if queries is None else queries.shape[1]
        mask = None if keep is None else (1 - keep.float())[:, None] * FAR
        memory = []
        for i in range(self.c["num_hidden_layers"]):
            layer = f"{BERT}encoder.layer.{i}"
            x, own = self.attend(f"{layer}.attention", x, x, mask, past[i] if past else None)
            memory.append(own)
            looking, reading = x[:, :count], x[:, count:]
            if count and i % self.c["cross_attention_frequency"] == 0:
                looking, _ = self.attend(f"{layer}.crossattention", looking, images, None)
            done = [self.feed(layer, "_query", looking)] if count else []
            x = torch.cat([*done, self.feed(layer, "", reading)] if reading.shape[1] else done, 1)
        return x, memory

    def queries(self, rows):
        return self.w["query_tokens"].expand(rows, -1, -1)

    def words(self, hidden):
        made = self.norm(f"{HEAD}transform", F.gelu(self.linear(f"{HEAD}transform.dense", hidden)))
        return F.linear(made, self.w[f"{BERT}embeddings.word_embeddings.weight"], self.w[f"{HEAD}bias"])


def contrast(model, batch):
    images, ids, mask = batch["image_embeds"], batch["input_ids"], batch["attention_mask"]
    query_output, memory = model.run(queries=model.queries(len(images)), images=images)
    text_output, _ = model.run(ids=ids, keep=mask[:, None])
    image = F.normalize(model.linear("vision_proj", query_output), dim=-1)
    text = F.normalize(model.linear("text_proj", text_output[:, 0]), dim=-1)
    sim = (image[:, None] @ text[:, :, None]).squeeze(-1).amax(2) / model.w["temp"]  # [picture, text]
    out = {"query_output": query_output, "text_output": text_output, "image_feats": image, "text_feat": text}
    return out | {"sim_i2t": sim, "sim_t2i": sim.t()}, memory


def stage1(model, batch, c):
    """Outputs and losses."""
    out, memory = contrast(model, batch)
    images, ids, mask = batch["image_embeds"], batch["input_ids"], batch["attention_mask"]
    rows, length = ids.shape
    own = torch.arange(rows)
    others = torch.eye(rows, dtype=torch.bool)
    for way in ("i2t", "t2i"):
        out[f"weights_{way}"] = out[f"sim_{way}"].masked_fill(others, FAR).softmax(1)
    smoothing = c["label_smoothing_itc"]
    itc = sum(F.cross_entropy(out[f"sim_{way}"], own, label_smoothing=smoothing) for way in ("i2t", "t2i")) / 2

    texts = torch.cat([own, own, batch["neg_text"]])
    shown = images[torch.cat([own, batch["neg_image"], own])]
    count = c["num_query_tokens"]
    keep = F.pad(mask[texts], (count, 0), value=1)[:, None]
    matched, _ = model.run(queries=model.queries(3 * rows), ids=ids[texts], images=shown, keep=keep)
    out["itm_logits"] = model.linear("itm_head", matched[:, :count]).mean(1)
    itm = F.cross_entropy(out["itm_logits"], (torch.arange(3 * rows) < rows).long())

    decoder = ids.clone()
    decoder[:, 0] = c["bos_token_id"]
    causal = torch.ones(length, length).tril() * mask[:, None]
    hidden, _ = model.run(ids=decoder, keep=F.pad(causal, (count, 0), value=1), past=memory)
    out["itg_logits"] = model.words(hidden)
    labels = decoder.masked_fill(ids == c["pad_token_id"], -100)[:, 1:]
    itg = F.cross_entropy(
        out["itg_logits"][:, :-1].flatten(0, 1), labels.flatten(), label_smoothing=c["label_smoothing_itg"]
    )
    return out, {"total": itc + itm + itg, "itc": itc, "itm": itm, "itg": itg}


def batch_of(a, c, generator):
    images = torch.randn(a.batch, a.patches, c["encoder_width"], generator=generator)
    ids = torch.zeros(a.batch, a.length, dtype=torch.long)
    for row in ids:
        count = int(torch.randint(1, a.length - 1, (1,), generator=generator))
        words = torch.randint(3, c["vocab_size"] - 1, (count,), generator=generator)
        row[: count + 2] = torch.cat([torch.tensor([1]), words, torch.tensor([2])])
    return {"image_embeds": images, "input_ids": ids, "attention_mask": (ids != 0).long()}


def train(model, batch, c, options, steps):
    """Losses before each update; the weights change."""
    plain = [p for name, p in model.w.items() if p.ndim < 2 or "LayerNorm" in name or name.endswith("bias")]
    decayed = [p for p in model.w.values() if all(p is not other for other in plain)]
    groups = [{"params": decayed, "weight_decay": options["weight_decay"]}, {"params": plain, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=options["lr"], betas=options["betas"], eps=options["eps"])
    curve = []
    for _ in range(steps):
        optimiser.zero_grad()
        _, losses = stage1(model, batch, c)
        losses["total"].backward()
        curve.append({name: loss.item() for name, loss in losses.items()})
        optimiser.step()
    return curve


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    size_arguments(parser, "", width=32, heads=4, layers=4, frequency=2, queries=6, projection=16, encoder=24)
    size_arguments(parser, "", vocabulary=120, batch=6, patches=10, length=12, steps=20, seed=0)
    a = parser.parse_args()
    c = {
        "hidden_size": a.width,
        "num_attention_heads": a.heads,
        "num_hidden_layers": a.layers,
        "intermediate_size": 2 * a.width,
        "vocab_size": a.vocabulary,
        "max_position_embeddings": 64,
        "layer_norm_eps": 1e-12,
        "num_query_tokens": a.queries,
        "embed_dim": a.projection,
        "cross_attention_frequency": a.frequency,
        "encoder_width": a.encoder,
        "hidden_act": "gelu",
        **SPECIAL,
        "bos_token_id": a.vocabulary - 1,
        "dropout": 0.0,
        "label_smoothing_itc": 0.1,
        "label_smoothing_itg": 0.1,
    }
    generator = torch.Generator().manual_seed(a.seed)
    model = QFormer(initial(c, generator), c)
    batch = batch_of(a, c, generator)
    Path(a.out).mkdir(parents=True, exist_ok=True)
    save_file({name: p.detach().clone() for name, p in model.w.items()}, Path(a.out) / "model.safetensors")
    with torch.no_grad():
        sim = contrast(model, batch)[0]["sim_i2t"]
        own = torch.eye(a.batch, dtype=torch.bool)
        for name, scores in (("neg_text", sim), ("neg_image", sim.t())):
            batch[name] = torch.multinomial(scores.masked_fill(own, FAR).softmax(1), 1, generator=generator).squeeze(1)
    out, losses = stage1(model, batch, c)
    losses["total"].backward()
    out |= batch | {f"grad.{name}": p.grad for name, p in model.w.items()}
    options = {"name": "AdamW", "lr": 0.002, "betas": [0.9, 0.98], "eps": 1e-8, "weight_decay": 0.05}
    facts = {"config": c, "losses": {name: losses[name].item() for name in ("itc", "itm", "itg")}}
    facts |= {"total": losses["total"].item(), "optimiser": {**options, "no_decay": "ndim < 2, biases, LayerNorm"}}
    out = {name: tensor.detach().clone() for name, tensor in out.items()}
    write(a.out, out, {**facts, "curve": train(model, batch, c, options, a.steps), "kind": "stage1"})


if __name__ == "__main__":
    main()
