"""Trains what `npm run -s smollm2-curve -- DIR` has trained, with PyTorch and transformers, on the same batches from the same
parameters, and compares the losses of every step. Where DIR has the parameters after each step (`--parameters`), PyTorch begins
each step from those, with the moments of its own gradients, and its updates are compared too.

    python check_curve.py DIR
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
from transformers import AutoModelForCausalLM, Blip2QFormerConfig
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel

VISION_EPSILON = 1e-6
SHARPNESS = 4


class Trained(nn.Module):
    def __init__(self, c, width):
        super().__init__()
        self.query_tokens = nn.Parameter(torch.zeros(1, c["queries"], c["hiddenSize"]))
        self.vision_norm = nn.LayerNorm(c["encoderWidth"], eps=VISION_EPSILON)
        self.qformer = Blip2QFormerModel(
            Blip2QFormerConfig(
                vocab_size=c["vocabSize"],
                hidden_size=c["hiddenSize"],
                num_hidden_layers=c["layers"],
                num_attention_heads=c["heads"],
                intermediate_size=c["intermediateSize"],
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
                layer_norm_eps=c["epsilon"],
                cross_attention_frequency=c["crossAttentionFrequency"],
                encoder_hidden_size=c["encoderWidth"],
                use_qformer_text_input=False,
            )
        )
        self.language_projection = nn.Linear(c["hiddenSize"], width)

    def forward(self, features):
        """[I,N,D] -> [I,Q,W]"""
        queries = self.query_tokens.expand(len(features), -1, -1)
        seen = self.qformer(query_embeds=queries, encoder_hidden_states=self.vision_norm(features))
        return self.language_projection(seen.last_hidden_state)


def name_of(path):
    return path.replace("vision_model.post_layernorm.", "vision_norm.")


def language_loss(language, prompts, batch):
    embed = language.get_input_embeddings()
    soft = prompts[batch["imageIndex"].long()]
    targets, mask = batch["targetIds"].long(), batch["targetMask"].long()
    count = targets.shape[1]
    inputs = torch.cat([soft, embed(batch["promptIds"].long()), embed(targets[:, :-1])], 1)
    ones = torch.ones(soft.shape[:2], dtype=torch.long)
    attention = torch.cat([ones, batch["promptMask"].long(), mask[:, :-1]], 1)
    places = (attention.cumsum(1) - 1).clamp(min=0)
    logits = language(inputs_embeds=inputs, attention_mask=attention, position_ids=places).logits[:, -count:]
    labels = targets.masked_fill(mask == 0, -100)
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


def phrase_loss(language, prompts, batch):
    table = language.get_input_embeddings().weight
    logits = SHARPNESS * prompts @ table.t()
    ids, mask = batch["phraseIds"].long(), batch["phraseMask"].float()
    logs = logits.log_softmax(-1)  # [I,Q,V]
    rows, phrases, words = ids.shape
    wanted = logs[:, None].expand(-1, phrases, -1, -1).gather(3, ids[:, :, None].expand(-1, -1, logs.shape[1], -1))
    best = (wanted * mask[:, :, None]).sum(-1).logsumexp(2) - torch.tensor(float(logs.shape[1])).log()
    length = mask.sum(2)
    present = (length > 0).float()
    return (-best / length.clamp(min=1) * present).sum() / present.sum().clamp(min=1)


def train(facts, folder, steps, dtype):
    """The losses of each step."""
    file = Path(facts["language"])
    language = AutoModelForCausalLM.from_pretrained(str(file.parent), gguf_file=file.name, dtype=torch.float32)
    language = language.eval().to(dtype)
    for parameter in language.parameters():
        parameter.requires_grad_(False)
    model = Trained(facts["config"], language.config.hidden_size)
    given = {name_of(path): tensor for path, tensor in load_file(folder / "initial.safetensors").items()}
    missing, unused = model.load_state_dict(given, strict=False)
    trained = [name for name, _ in model.named_parameters()]
    assert not unused and not [name for name in missing if name in trained], (missing, unused)
    model = model.to(dtype)

    plain = lambda p, name: p.ndim == 1 or name.endswith("bias")
    groups = []
    for name, p in model.named_parameters():
        scale = facts["projectionRateScale"] if name.startswith("language_projection.") else 1
        groups.append({"params": [p], "scale": scale, "weight_decay": 0.0 if plain(p, name) else facts["weightDecay"]})
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=facts["betas"], eps=1e-8)
    for step, rate in enumerate(facts["rates"][:steps]):
        own = after(folder, step)
        if step > 0:
            take(model, after(folder, step - 1))
        before = {name: p.detach().clone() for name, p in model.named_parameters()}
        batch = load_file(folder / "batches" / f"{step:03}.safetensors")
        assert not {"heldOutIds", "phraseHeldOutIds"} & batch.keys(), "words that are held out are not implemented here"
        prompts = model(batch["features"].to(dtype))
        named = phrase_loss(language, prompts, batch)
        found = {"phrases": named, "total": named}
        if "targetIds" in batch:
            lm = language_loss(language, prompts, batch)
            found = {"lm": lm, "phrases": named, "total": lm + facts["phraseWeight"] * named}
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        optimizer.zero_grad()
        found["total"].backward()
        if facts["maxGradNorm"]:
            nn.utils.clip_grad_norm_(model.parameters(), facts["maxGradNorm"])
        optimizer.step()
        yield {name: loss.item() for name, loss in found.items()}, update_apart(model, before, own)


def after(folder, step):
    """The parameters that this project has after a step, where they were written."""
    file = folder / "parameters" / f"{step:03}.safetensors"
    return {name_of(path): tensor for path, tensor in load_file(file).items()} if file.exists() else {}


def take(model, values):
    parameters = dict(model.named_parameters())
    for name, value in values.items():
        parameters[name].data.copy_(value)


def update_apart(model, before, own):
    """The difference of both updates as a share of the update, over all parameters."""
    pairs = [(p.detach() - own[name], own[name] - before[name]) for name, p in model.named_parameters() if name in own]
    square = lambda i: sum(pair[i].double().square().sum() for pair in pairs)
    return (square(0) / square(1)).sqrt().item() if pairs else None


def apart(a, b):
    return max(abs(a[name] - b[name]) / abs(b[name]) for name in b)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="of a loss, as a share of it")
    parser.add_argument("--steps", type=int, help="default: all")
    parser.add_argument("--float64", action="store_true", help="also trains in float64, and compares both with that")
    a = parser.parse_args()
    folder = Path(a.folder)
    facts = json.loads((folder / "curve.json").read_text())
    own = facts["losses"][: a.steps]
    runs = [train(facts, folder, a.steps, dtype) for dtype in [torch.float32, torch.float64][: 1 + a.float64]]
    worst = 0.0
    for step, (losses, (found, update), *exact) in enumerate(zip(own, *runs)):
        worst = max(worst, apart(losses, found))
        shown = [f"{name} {losses[name]:.6f} {found[name]:.6f}" for name in found]
        beside = [f"of float64: {apart(losses, e):.1e}, PyTorch {apart(found, e):.1e}" for e, _ in exact]
        updates = [] if update is None else [f"update {update:.1e}", *(f"of float64: {u:.1e}" for _, u in exact)]
        print(step, *shown, f"{apart(losses, found):.1e}", *beside, *updates, flush=True)
    print(f"largest difference {worst:.1e} of a loss in {len(own)} steps")
    raise SystemExit(worst > a.tolerance)


if __name__ == "__main__":
    main()
