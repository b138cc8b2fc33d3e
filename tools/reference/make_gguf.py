"""Makes small GGUF files with what other programs read in them.

    python make_gguf.py --out ../testing/fixtures/gguf

types.gguf has a matrix of each type that is read, of random blocks, and types.safetensors the values that the package gguf
unpacks. byte-level.gguf and sentencepiece.gguf have a vocabulary, and tokenizers.json ids of texts by tokenizers and
sentencepiece. language/ is a folder of kind 'language' whose weights are model.gguf: a Llama whose packed weights transformers
has computed with, unpacked.
"""

import argparse
import io
import json
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import torch
from golden import randomise, write
from make_blip2 import CORPUS, opt_tokenizer
from make_language import golden
from safetensors.numpy import save_file
from transformers import LlamaConfig, LlamaForCausalLM

TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K"]
TEXTS = ["a cat looking at the camera", " two  red apples!\n", "naïve café – 東京 🙂", "it's 1234 o'clock", "", "x"]


def blocks(kind, rows, width, rng):
    """Random blocks whose scales are of usual size."""
    if kind == "F32":
        return rng.standard_normal((rows, width), dtype=np.float32)
    size, length = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    if size == 1:
        values = rng.standard_normal((rows, width), dtype=np.float32)
        return gguf.quants.quantize(values, gguf.GGMLQuantizationType[kind])
    made = rng.integers(0, 256, (rows * width // size, length), dtype=np.uint8)
    halves = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q4_K": [0, 2], "Q6_K": [208]}[kind]
    for at in halves:
        scale = rng.uniform(0.01, 0.02, len(made)).astype(np.float16)
        made[:, at : at + 2] = scale.view(np.uint8).reshape(-1, 2)
    return made.reshape(rows, -1)


def make_types(out):
    rng = np.random.default_rng(1)
    writer = gguf.GGUFWriter(out / "types.gguf", "llama")
    values = {}
    for kind in TYPES:
        packed = blocks(kind, 3, 256, rng)
        dtype = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(kind, packed, raw_dtype=dtype if kind != "F32" else None)
        values[kind] = np.ascontiguousarray(gguf.quants.dequantize(packed, dtype).reshape(3, 256), dtype=np.float32)
    finish(writer)
    save_file(values, out / "types.safetensors")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_byte_level(writer, tokenizer):
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    special = {token["id"] for token in state["added_tokens"] if token["special"]}
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if i in special else 1 for _, i in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in state["model"]["merges"]])
    for name in ("bos", "eos", "pad"):
        getattr(writer, f"add_{name}_token_id")(getattr(tokenizer, f"{name}_token_id"))


def make_byte_level(out):
    tokenizer = opt_tokenizer(300)
    writer = gguf.GGUFWriter(out / "byte-level.gguf", "llama")
    add_byte_level(writer, tokenizer)
    finish(writer)
    return [tokenizer(text, add_special_tokens=False).input_ids for text in TEXTS]


def make_sentence_piece(out):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS),
        model_writer=model,
        model_type="bpe",
        vocab_size=400,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    count = range(pieces.get_piece_size())
    kinds = [2 if pieces.is_unknown(i) else 3 if pieces.is_control(i) else 6 if pieces.is_byte(i) else 1 for i in count]
    writer = gguf.GGUFWriter(out / "sentencepiece.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list([pieces.id_to_piece(i) for i in count])
    writer.add_token_scores([pieces.get_score(i) for i in count])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(pieces.bos_id())
    writer.add_eos_token_id(pieces.eos_id())
    writer.add_unk_token_id(pieces.unk_id())
    finish(writer)
    return [[pieces.bos_id(), *pieces.encode(text)] for text in TEXTS]


def paired(weight, heads):
    """The rows of each head in the order in which llama.cpp rotates them: (i, i + half) side by side."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


NAMES = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}


def name_of(name):
    path, kind = name.rsplit(".", 1)
    layer = path.split(".")[2] if path.startswith("model.layers.") else None
    part = NAMES[path if layer is None else path.split(".", 3)[3]]
    return f"{part}.{kind}" if layer is None else f"blk.{layer}.{part}.{kind}"


@torch.no_grad()
def add_weights(writer, model, kinds):
    """Packs the matrices, and puts what they unpack to in their place in the model."""
    config = model.config
    for i, (name, parameter) in enumerate(model.named_parameters()):
        weight = parameter.numpy()
        if weight.ndim == 1:
            writer.add_tensor(name_of(name), weight)
            continue
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}.get(name.split(".")[-2])
        dtype = gguf.GGMLQuantizationType[kinds[i % len(kinds)]]
        packed = gguf.quants.quantize(weight, dtype)
        parameter.copy_(torch.from_numpy(gguf.quants.dequantize(packed, dtype).reshape(weight.shape).copy()))
        writer.add_tensor(name_of(name), paired(packed, heads) if heads else packed, raw_dtype=dtype)


def make_language(out, a):
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = opt_tokenizer(300)
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {"bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}
    config = LlamaConfig(vocab_size=300, num_key_value_heads=2, max_position_embeddings=64, **sizes, **ids)
    model = randomise(LlamaForCausalLM(config), a.seed)
    writer = gguf.GGUFWriter(out / "model.gguf", "llama")
    writer.add_block_count(2)
    writer.add_context_length(64)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(96)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(16)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(300)
    add_byte_level(writer, tokenizer)
    add_weights(writer, model, ["Q8_0", "Q4_1", "Q4_0", "F16", "BF16"])
    finish(writer)
    tensors, facts = golden(model, a)
    write(out, tensors, {"kind": "language", **facts})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.set_defaults(seed=0, queries=4, text=9, new=12, vocabulary=300)
    a = parser.parse_args()
    out = Path(a.out)
    out.mkdir(parents=True, exist_ok=True)
    make_types(out)
    ids = {"byte-level": make_byte_level(out), "sentencepiece": make_sentence_piece(out)}
    (out / "tokenizers.json").write_text(json.dumps({"texts": TEXTS, "ids": ids}, indent=1) + "\n")
    make_language(out / "language", a)


if __name__ == "__main__":
    main()
