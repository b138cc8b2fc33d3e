"""Makes a folder of kind 'instruct': an InstructBLIP with T5, or with a Llama as Vicuna is, and random weights as transformers saves it, and what it
says of photographs.

    python make_instruct.py --out made/instruct --photos photos --images chelsea.png rocket.jpg --queries 3
"""

import argparse
from pathlib import Path

import torch
import transformers
from golden import randomise, size_arguments, write
from make_blip2 import (
    BEAMS,
    MAX_NEW_TOKENS,
    bert_tokenizer,
    llama_arguments,
    llama_configuration,
    llama_tokenizer,
    sizes,
    t5_configuration,
    t5_tokenizer,
    text_of,
)
from PIL import Image
from transformers import (
    BlipImageProcessor,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
)

INSTRUCTIONS = ["what animal is this?", "a photo of", "describe the big house next to the apples"]


def configuration(a, words, tokens, image_token):
    return InstructBlipConfig(
        **sizes(a, words),
        text_config=(llama_configuration if a.vicuna else t5_configuration)(a, tokens),
        num_query_tokens=a.queries,
        image_token_index=image_token,
    )


def case_of(model, processor, inputs):
    """The golden facts of one instruction on one picture."""
    case = {"input_ids": inputs.input_ids[0].tolist(), "qformer_input_ids": inputs.qformer_input_ids[0].tolist()}
    greedy = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)[0]
    case |= {"greedy": greedy.tolist(), "greedy_text": text_of(processor, greedy)}
    for name, options in BEAMS.items():
        made = model.generate(
            **inputs,
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            **options,
        )
        case |= {f"{name}_scores": made.sequences_scores.tolist(), f"{name}_all": made.sequences.tolist()}
        case |= {name: made.sequences[0].tolist(), f"{name}_text": text_of(processor, made.sequences[0])}
    return case


@torch.no_grad()
def golden(model, processor, a):
    pictures = [Image.open(Path(a.photos) / name).convert("RGB") for name in a.images]
    pixels = processor.image_processor(pictures, return_tensors="pt").pixel_values
    tensors = {"pixel_values": pixels, "vision.last_hidden_state": model.vision_model(pixels).last_hidden_state}
    cases = []
    for p, prompt in enumerate(INSTRUCTIONS):
        for i, picture in enumerate(pictures):
            inputs = processor(images=picture, text=prompt, return_tensors="pt")
            asked = {"pixel_values": inputs.pixel_values, "qformer_input_ids": inputs.qformer_input_ids}
            asked["qformer_attention_mask"] = inputs.qformer_attention_mask
            tensors[f"language_projection.{p}.{i}"] = model.get_image_features(**asked).pooler_output
            cases.append({"image": a.images[i], "prompt": prompt, **case_of(model, processor, inputs)})
    both = INSTRUCTIONS[: len(pictures)]
    inputs = processor(images=pictures[: len(both)], text=both, padding=True, return_tensors="pt")
    greedy = model.generate(**inputs, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
    batch = {"images": a.images[: len(both)], "prompts": both, "greedy": greedy.tolist()}
    # rotary positions of a Llama count the padding between image and text there: a batch gives other texts than each row alone
    return tensors, {"cases": cases} | ({} if a.vicuna else {"batch": batch})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--images", nargs="+", required=True)
    size_arguments(parser, "vision", width=32, layers=3, heads=4)
    size_arguments(parser, "text", width=40, layers=2, heads=4, head=10, decoder_layers=0)
    parser.add_argument("--dense", default="gated-gelu", help="feed_forward_proj: an activation, or 'gated-' and one")
    parser.add_argument("--activation", default="gelu", help="dense_act_fn, which goes before that")
    parser.add_argument("--untied", action="store_true", help="a head of its own")
    size_arguments(parser, "", width=24, layers=4, heads=4, frequency=2, queries=5)
    size_arguments(parser, "", image=56, patch=14, vocabulary=400, buckets=16, distance=32, bos=0, seed=0)
    parser.add_argument("--vicuna", action="store_true", help="a Llama in place of T5")
    llama_arguments(parser)
    a = parser.parse_args()
    words = bert_tokenizer(a.vocabulary)
    tokens = (llama_tokenizer if a.vicuna else t5_tokenizer)(a.vocabulary)
    pictures = BlipImageProcessor(size={"height": a.image, "width": a.image})
    processor = InstructBlipProcessor(pictures, tokens, words, num_query_tokens=a.queries)
    image_token = tokens.convert_tokens_to_ids("<image>")
    model = InstructBlipForConditionalGeneration(configuration(a, len(words), len(tokens), image_token))
    if a.untied and not a.vicuna:  # transformers 5 ties every T5, whatever its config says, but keeps a head that a file has
        head = model.language_model.lm_head
        head.weight = torch.nn.Parameter(torch.empty_like(head.weight))
    randomise(model, a.seed)
    model.save_pretrained(a.out)
    processor.save_pretrained(a.out)
    tensors, facts = golden(model, processor, a)
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    write(a.out, tensors, {"kind": "instruct", **versions, "images": a.images, **facts})


if __name__ == "__main__":
    main()
