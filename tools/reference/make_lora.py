"""Makes a LoRA adapter of the language model of a BLIP-2 as PEFT saves it, and what the two give together: logits, gradients
of a loss by every adapter, and a text. Or checks that PEFT reads an adapter that another program has saved.

    python make_lora.py --model ../testing/fixtures/hf-opt --targets q_proj v_proj fc1 fc2 --out made/lora-opt
    python make_lora.py --model ../testing/fixtures/hf-opt --check made/lora-opt
"""

import argparse
import json
from pathlib import Path

import peft
import torch
import transformers
from golden import randomise, write
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import Blip2ForConditionalGeneration

MAX_NEW_TOKENS = 8


def inputs_of(folder, model):
    """The first image of the model's own golden values with the first prompt that is not empty, and an answer."""
    golden = json.loads((folder / "golden.json").read_text())
    case = next(case for case in golden["cases"] if case["input_ids"])
    pixels = load_file(folder / "golden.safetensors")["pixel_values"][:1]
    ids = torch.tensor([case["input_ids"]])
    labels = torch.tensor([case["labels"]]) if "labels" in case else ids.masked_fill(ids == model.config.image_token_index, -100)
    return {"pixel_values": pixels, "input_ids": ids, "attention_mask": torch.ones_like(ids)}, labels


def outputs(model, given, labels):
    """Of a model with an adapter: tensors, and facts."""
    result = model(**given, labels=labels)
    result.loss.backward()
    tensors = {"logits": result.logits, "loss": result.loss, "pixel_values": given["pixel_values"]}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            tensors[f"grad.{name.replace('.default.', '.')}"] = parameter.grad
    with torch.no_grad():
        text = model.generate(**given, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)[0]
    return tensors, {"input_ids": given["input_ids"][0].tolist(), "labels": labels[0].tolist(), "greedy": text.tolist()}


def check(base, given, labels, folder):
    """@raises where PEFT finds tensors missing, or gives other values than the golden ones of the folder"""
    tensors, facts = outputs(PeftModel.from_pretrained(base, folder, is_trainable=True), given, labels)
    golden = load_file(folder / "golden.safetensors")
    expected = json.loads((folder / "golden.json").read_text())
    assert facts["greedy"] == expected["greedy"], facts["greedy"]
    assert set(tensors) == set(golden), set(tensors) ^ set(golden)
    worst = max((tensors[name] - golden[name]).abs().max().item() for name in golden)
    assert worst < 1e-4, worst
    print(f"{folder}: {len(golden)} tensors, largest difference {worst:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--check", type=Path, help="a folder with an adapter and its golden values")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--targets", nargs="+", default=["q_proj", "v_proj"])
    parser.add_argument("--rank", type=int, default=2)
    parser.add_argument("--alpha", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    base = Blip2ForConditionalGeneration.from_pretrained(a.model)
    given, labels = inputs_of(a.model, base)
    if a.check:
        return check(base, given, labels, a.check)
    targets = rf"language_model\..*\.({'|'.join(a.targets)})"
    config = LoraConfig(r=a.rank, lora_alpha=a.alpha, lora_dropout=0.0, target_modules=targets)
    model = get_peft_model(base, config)
    adapters = torch.nn.ParameterDict({n.replace(".", "/"): p for n, p in model.named_parameters() if "lora_" in n})
    randomise(adapters, a.seed)
    model.eval()
    tensors, facts = outputs(model, given, labels)
    model.save_pretrained(a.out)
    (a.out / "README.md").unlink()
    config = json.loads((a.out / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = a.model.name
    (a.out / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    versions = {"peft": peft.__version__, "transformers": transformers.__version__, "torch": torch.__version__}
    write(a.out, tensors, {"kind": "lora", **versions, "model": a.model.name, **facts})


if __name__ == "__main__":
    main()
