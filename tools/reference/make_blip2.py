"""Makes a folder of kind 'opt', 'llama', 't5' or 'itm': a BLIP-2 with random weights as transformers saves it, and what it gives
for photographs.

    python make_blip2.py opt --out made/opt --photos photos --images chelsea.png rocket.jpg --queries 3 --frequency 1
    python make_blip2.py llama --out made/qwen2 --photos photos --images chelsea.png rocket.jpg --text-type qwen2 --untied
    python make_blip2.py t5 --out made/t5 --photos photos --images chelsea.png rocket.jpg --dense relu --untied
"""

import argparse
import json
from pathlib import Path

import torch
import transformers
from golden import randomise, size_arguments, write
from PIL import Image
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2ForImageTextRetrieval,
    Blip2Processor,
    BlipImageProcessor,
    PreTrainedTokenizerFast,
)

PROMPTS = ["", "a photo of", "Question: what animal is this? Answer:"]
ANSWER = "a cat looking at the camera"
TEXTS = ["a cat looking at the camera", "a rocket", "a cup of coffee", "two red apples", "nothing"]
MORE = ["a dog next to a big house", "how many birds are there? three", "the moon over the sea"]
CORPUS = [*PROMPTS, *TEXTS, *MORE] * 20
MAX_NEW_TOKENS = 12
BEAMS = {
    "beam": {"num_beams": 5, "length_penalty": 1.0},
    "beam_lp": {"num_beams": 3, "length_penalty": -1.0, "repetition_penalty": 1.5},
    "beam_min": {"num_beams": 4, "length_penalty": 2.0, "min_new_tokens": 5, "num_return_sequences": 2},
}


def opt_tokenizer(size):
    """Byte-level BPE with OPT's special ids: <s> 0, <pad> 1, </s> 2, which begins and ends."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "<pad>", "</s>"]
    options = {"vocab_size": size, "special_tokens": special, "show_progress": False}
    trainer = trainers.BpeTrainer(initial_alphabet=alphabet, **options)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    names = {"bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="left", **names)


def llama_tokenizer(size):
    """Byte-level BPE with the special ids of Vicuna: <unk> 0, <s> 1, which begins, </s> 2, and [PAD]."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    options = {"special_tokens": ["<unk>", "<s>", "</s>", "[PAD]"], "show_progress": False}
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **options)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "[PAD]"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="left", **names)


def t5_tokenizer(size):
    """Unigram pieces with T5's special ids: <pad> 0, </s> 1, which ends, <unk> 2."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    options = {"vocab_size": size, "special_tokens": special, "unk_token": "<unk>", "show_progress": False}
    tokenizer.train_from_iterator(CORPUS, trainers.UnigramTrainer(**options))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    names = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, padding_side="right", **names)


def bert_tokenizer(size):
    """WordPiece, lower case, with [DEC] for the decoder's start."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, padding_side="right", bos_token="[DEC]", mask_token="[MASK]", **names
    )


def sizes(a, vocabulary):
    """The configurations of the image encoder and of the Q-Former."""
    vision = {
        "hidden_size": a.vision_width,
        "intermediate_size": 2 * a.vision_width,
        "num_hidden_layers": a.vision_layers,
        "num_attention_heads": a.vision_heads,
        "image_size": a.image,
        "patch_size": a.patch,
    }
    qformer = {
        "hidden_size": a.width,
        "intermediate_size": 2 * a.width,
        "num_hidden_layers": a.layers,
        "num_attention_heads": a.heads,
        "cross_attention_frequency": a.frequency,
        "encoder_hidden_size": a.vision_width,
        "vocab_size": vocabulary,
        "max_position_embeddings": 64,
    }
    return {"vision_config": vision, "qformer_config": qformer}


def configuration(a, vocabulary, image_token):
    parts = sizes(a, vocabulary)
    parts["qformer_config"]["use_qformer_text_input"] = a.kind == "itm"
    return Blip2Config(
        **parts,
        text_config=TEXT_CONFIGURATIONS.get(a.kind, opt_configuration)(a, vocabulary + a.spare),
        num_query_tokens=a.queries,
        image_text_hidden_size=a.projection,
        image_token_index=image_token,
    )


def opt_configuration(a, vocabulary):
    return {
        "model_type": "opt",
        "vocab_size": vocabulary,
        "hidden_size": a.text_width,
        "word_embed_proj_dim": a.text_width,
        "ffn_dim": 2 * a.text_width,
        "num_hidden_layers": a.text_layers,
        "num_attention_heads": a.text_heads,
        "max_position_embeddings": 128,
        "dropout": 0.0,
    }


def t5_configuration(a, vocabulary):
    """As LAVIS' Flan-T5: the name of the activation goes before what the projection's says."""
    text = {
        "model_type": "t5",
        "vocab_size": vocabulary,
        "d_model": a.text_width,
        "d_kv": a.text_head,
        "d_ff": 2 * a.text_width,
        "num_layers": a.text_layers,
        "num_decoder_layers": a.text_decoder_layers or a.text_layers,
        "num_heads": a.text_heads,
        "relative_attention_num_buckets": a.buckets,
        "relative_attention_max_distance": a.distance,
        "dropout_rate": 0.0,
        "feed_forward_proj": a.dense,
        "tie_word_embeddings": not a.untied,
        "bos_token_id": a.bos,
        "decoder_start_token_id": 0,
    }
    return text | ({"dense_act_fn": a.activation} if a.activation else {})


def llama_configuration(a, vocabulary):
    return {
        "model_type": a.text_type,
        "vocab_size": vocabulary,
        "hidden_size": a.text_width,
        "intermediate_size": 2 * a.text_width,
        "num_hidden_layers": a.text_layers,
        "num_attention_heads": a.text_heads,
        "num_key_value_heads": a.text_key_heads or a.text_heads,
        "max_position_embeddings": 128,
        "rope_parameters": {"rope_theta": 10000.0, **json.loads(a.rope)},
        "tie_word_embeddings": not a.untied,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 3,
    }


TEXT_CONFIGURATIONS = {"t5": t5_configuration, "llama": llama_configuration}


def llama_arguments(parser):
    group = parser.add_argument_group("llama")
    group.add_argument("--text-type", default="llama", choices=["llama", "mistral", "qwen2"])
    group.add_argument("--rope", default='{"rope_type": "default"}', help="rope_parameters, as JSON")
    size_arguments(group, "text", key_heads=0)


def vision_outputs(model, a, pixels):
    tensors = {"pixel_values": pixels, "vision.last_hidden_state": model.vision_model(pixels).last_hidden_state}
    if a.kind == "itm":
        return tensors
    side = a.image + 2 * a.patch
    larger = torch.nn.functional.interpolate(pixels, size=(side, side), mode="bilinear")
    seen = model.vision_model(larger, interpolate_pos_encoding=True).last_hidden_state
    return tensors | {"interpolated.pixel_values": larger, "interpolated.vision.last_hidden_state": seen}


def text_of(processor, ids):
    return processor.tokenizer.decode(ids, skip_special_tokens=True).strip()


def language_case(model, processor, pixels, prompt):
    """The golden facts of one prompt on one picture, and its logits."""
    given = {"pixel_values": pixels}
    case = {"prompt": prompt, "input_ids": None}
    logits = None
    if prompt:
        encoded = processor.tokenizer(prompt, return_tensors="pt")
        image = torch.full((1, model.config.num_query_tokens), model.config.image_token_index)
        ids = torch.cat([image, encoded.input_ids], 1)
        given |= {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        labels = labels_of(model, processor, ids)
        result = model(**given, labels=labels)
        case |= {"input_ids": ids[0].tolist(), "loss": result.loss.item()}
        if encodes(model):
            case["labels"] = labels[0].tolist()
        logits = result.logits
    greedy = model.generate(**given, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)[0]
    case |= {"greedy": greedy.tolist(), "greedy_text": text_of(processor, greedy)}
    for name, options in BEAMS.items():
        made = model.generate(
            **given,
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            **options,
        )
        case[f"{name}_scores"] = made.sequences_scores.tolist()
        if len(made.sequences) > 1:
            case[f"{name}_all"] = made.sequences.tolist()
        case |= {name: made.sequences[0].tolist(), f"{name}_text": text_of(processor, made.sequences[0])}
    return case, logits


def encodes(model):
    return not model.config.use_decoder_only_language_model


def labels_of(model, processor, ids):
    """Of a decoder alone the prompt itself, of an encoder with a decoder an answer."""
    if encodes(model):
        return processor.tokenizer(ANSWER, return_tensors="pt").input_ids
    left_out = (ids == model.config.image_token_index) | (ids == model.config.text_config.pad_token_id)
    return ids.masked_fill(left_out, -100)


def gradients(model, processor, pixels, ids):
    """Of the loss of prompt 1 on picture 0, by every parameter."""
    model.zero_grad()
    labels = labels_of(model, processor, ids)
    model(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels).loss.backward()
    return {f"grad.{name}": p.grad for name, p in model.named_parameters() if p.grad is not None}


def make_generation(model, processor, a, pixels):
    tensors, cases = {}, []
    with torch.no_grad():
        tensors |= vision_outputs(model, a, pixels)
        seen = tensors["vision.last_hidden_state"]
        queries = model.qformer(query_embeds=model.query_tokens.expand(len(seen), -1, -1), encoder_hidden_states=seen)
        tensors["qformer.last_hidden_state"] = queries.last_hidden_state
        tensors["language_projection"] = model.language_projection(queries.last_hidden_state)
        for p, prompt in enumerate(PROMPTS):
            for i, image in enumerate(a.images):
                case, logits = language_case(model, processor, pixels[i : i + 1], prompt)
                cases.append({"image": image, **case})
                if logits is not None:
                    tensors[f"logits.{p}.{i}"] = logits
        images = [Image.open(Path(a.photos) / name).convert("RGB") for name in a.images[:2]]
        prompts = PROMPTS[1 : 1 + len(images)]
        both = processor(images=images, text=prompts, padding=True, return_tensors="pt")
        greedy = model.generate(**both, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)
    batch = {"images": a.images[:2], "prompts": prompts, "input_ids": both.input_ids.tolist()}
    batch |= {"attention_mask": both.attention_mask.tolist(), "greedy": greedy.tolist()}
    tensors |= gradients(model, processor, pixels[:1], torch.tensor([cases[len(a.images)]["input_ids"]]))
    return tensors, {"cases": cases, "batch": batch}


@torch.no_grad()
def make_itm(model, processor, a, pixels):
    tensors = vision_outputs(model, a, pixels)
    texts = TEXTS[: len(a.images)]
    images = [Image.open(Path(a.photos) / name).convert("RGB") for name in a.images]
    inputs = processor(images=images, text=texts, padding=True, return_tensors="pt")
    itm = model(**inputs, use_image_text_matching_head=True).logits_per_image
    itc = model(**inputs, use_image_text_matching_head=False)
    tensors |= {"input_ids": inputs.input_ids, "attention_mask": inputs.attention_mask, "logits_per_image.itm": itm}
    tensors |= {"logits_per_image.itc": itc.logits_per_image}
    tensors |= {"image_embeds": itc.image_embeds, "text_embeds": itc.text_embeds}
    facts = {"cases": [], "texts": texts, "itm_probability": itm.softmax(1)[:, 1].tolist()}
    return tensors, facts | {"itc": itc.logits_per_image.tolist()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["opt", "llama", "t5", "itm"])
    parser.add_argument("--out", required=True)
    parser.add_argument("--photos", required=True)
    parser.add_argument("--images", nargs="+", required=True)
    size_arguments(parser, "vision", width=32, layers=3, heads=4)
    size_arguments(parser, "text", width=40, layers=2, heads=4)
    t5 = parser.add_argument_group("t5")
    size_arguments(t5, "text", head=10, decoder_layers=0)
    size_arguments(t5, "", buckets=16, distance=32, bos=0)
    t5.add_argument("--dense", default="gated-gelu", help="feed_forward_proj: an activation, or 'gated-' and one")
    t5.add_argument("--activation", help="dense_act_fn, which goes before that")
    parser.add_argument("--untied", action="store_true", help="a head of its own")
    llama_arguments(parser)
    size_arguments(parser, "", width=24, layers=4, heads=4, frequency=2, queries=5, projection=16)
    size_arguments(parser, "", image=56, patch=14, vocabulary=400, spare=0, seed=0)
    a = parser.parse_args()
    tokenizer = {"opt": opt_tokenizer, "llama": llama_tokenizer, "t5": t5_tokenizer, "itm": bert_tokenizer}[a.kind](a.vocabulary)
    pictures = BlipImageProcessor(size={"height": a.image, "width": a.image})
    processor = Blip2Processor(pictures, tokenizer, num_query_tokens=a.queries)
    config = configuration(a, len(tokenizer), tokenizer.convert_tokens_to_ids("<image>"))
    make = Blip2ForImageTextRetrieval if a.kind == "itm" else Blip2ForConditionalGeneration
    model = make(config)
    if a.untied and a.kind == "t5":  # transformers 5 ties every T5, whatever its config says, but keeps a head that a file has
        head = model.language_model.lm_head
        head.weight = torch.nn.Parameter(torch.empty_like(head.weight))
    randomise(model, a.seed)
    model.save_pretrained(a.out)
    processor.save_pretrained(a.out)
    images = [Image.open(Path(a.photos) / name).convert("RGB") for name in a.images]
    pixels = processor.image_processor(images, return_tensors="pt").pixel_values
    tensors, facts = (make_itm if a.kind == "itm" else make_generation)(model, processor, a, pixels)
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    write(a.out, tensors, {"kind": a.kind, **versions, "images": a.images, **facts})


if __name__ == "__main__":
    main()
