"""Makes a folder of kind 'language': a decoder-only language model with random weights as transformers saves it, and what it
gives for a soft prompt and tokens.

    python make_language.py llama --out made/llama --key-heads 2 --rope '{"rope_type": "linear", "factor": 4.0}'
    python make_language.py qwen2 --out made/qwen2 --untied
    python make_language.py opt --out made/opt-350m --embedding 24 --post-norm
"""

import argparse
import json

import torch
import transformers
from golden import randomise, size_arguments, write
from transformers import AutoConfig, AutoModelForCausalLM

BEAMS = {"num_beams": 4, "length_penalty": 1.0, "early_stopping": False}


def configuration(a):
    shared = {
        "vocab_size": a.vocabulary,
        "hidden_size": a.width,
        "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads,
        "max_position_embeddings": a.positions,
        "tie_word_embeddings": not a.untied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    if a.kind == "opt":
        shared |= {"ffn_dim": 2 * a.width, "word_embed_proj_dim": a.embedding or a.width, "dropout": 0.0}
        return AutoConfig.for_model("opt", do_layer_norm_before=not a.post_norm, **shared)
    shared |= {"intermediate_size": 2 * a.width, "num_key_value_heads": a.key_heads or a.heads}
    shared |= {"head_dim": a.head} if a.head else {}
    shared |= {"attention_bias": True, "mlp_bias": True} if a.biases else {}
    shared |= {"rope_parameters": {"rope_theta": a.theta, **json.loads(a.rope)}}
    return AutoConfig.for_model(a.kind, **shared)


def golden(model, a):
    generator = torch.Generator().manual_seed(a.seed + 1)
    embed = model.get_input_embeddings()
    soft = 0.7 * torch.randn(2, a.queries, embed.weight.shape[1], generator=generator)
    texts = [torch.randint(3, a.vocabulary, (length,), generator=generator) for length in (a.text, a.text - 3)]

    soft.requires_grad_(True)
    targets = texts[0].expand(2, -1)
    labels = torch.cat([torch.full((2, a.queries), -100), targets], 1)
    result = model(inputs_embeds=torch.cat([soft, embed(targets)], 1), labels=labels)
    (grad,) = torch.autograd.grad(result.loss, [soft])
    tensors = {"soft_prompt": soft, "logits": result.logits[:, a.queries - 1 : -1], "grad.soft_prompt": grad}

    facts = {"target_ids": targets.tolist(), "loss": result.loss.item(), "prompts": [], "padded": {}}
    with torch.no_grad():
        for row, text in enumerate(texts):
            given = torch.cat([soft[row : row + 1], embed(text[None])], 1)
            options = {"inputs_embeds": given, "max_new_tokens": a.new, "do_sample": False}
            options["attention_mask"] = torch.ones(given.shape[:2], dtype=torch.long)
            found = model.generate(**options, **BEAMS, return_dict_in_generate=True, output_scores=True)
            greedy = model.generate(**options)[0].tolist()
            case = {"prompt_ids": text.tolist(), "greedy": greedy, "beam": found.sequences[0].tolist()}
            facts["prompts"].append(case | {"beam_score": found.sequences_scores[0].item()})
        facts["padded"] = padded(model, soft, texts, a)
    return tensors, facts


def padded(model, soft, texts, a):
    """Both texts in a batch, padded on the left."""
    rows, masks = [], []
    for row, text in enumerate(texts):
        short = len(texts[0]) - len(text)
        pads = torch.zeros(short, dtype=torch.long)
        embed = model.get_input_embeddings()
        rows.append(torch.cat([embed(pads), soft[row], embed(text)]))
        masks.append([0] * short + [1] * (a.queries + len(text)))
    options = {"inputs_embeds": torch.stack(rows), "attention_mask": torch.tensor(masks)}
    return {"greedy": model.generate(**options, max_new_tokens=a.new, do_sample=False).tolist()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["llama", "mistral", "opt", "qwen2"])
    parser.add_argument("--out", required=True)
    parser.add_argument("--rope", default='{"rope_type": "default"}', help="rope_parameters, as JSON")
    parser.add_argument("--theta", type=float, default=10000.0)
    parser.add_argument("--untied", action="store_true", help="a head of its own")
    parser.add_argument("--biases", action="store_true", help="in attention and feed-forward layers of a Llama")
    parser.add_argument("--post-norm", action="store_true", help="norms of an OPT after the sublayers")
    size_arguments(parser, "", width=32, layers=2, heads=4, key_heads=0, head=0, embedding=0, vocabulary=80)
    size_arguments(parser, "", positions=64, queries=4, text=9, new=12, seed=0)
    a = parser.parse_args()
    model = randomise(AutoModelForCausalLM.from_config(configuration(a)), a.seed)
    model.save_pretrained(a.out)
    tensors, facts = golden(model, a)
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    write(a.out, tensors, {"kind": "language", **versions, **facts})


if __name__ == "__main__":
    main()
