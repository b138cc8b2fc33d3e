"""Makes a folder of kind 'encoder': a vision encoder with random weights, and every hidden state of it.

    python make_encoder.py --family siglip --out made/siglip --width 48 --heads 6 --layers 2 --image 42
"""

import argparse

import torch
from golden import randomise, size_arguments, write
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    SiglipVisionConfig,
    SiglipVisionModel,
    ViTConfig,
    ViTModel,
)

FAMILIES = {
    "clip": (CLIPVisionConfig, CLIPVisionModel),
    "siglip": (SiglipVisionConfig, SiglipVisionModel),
    "dinov2": (Dinov2Config, Dinov2Model),
    "vit": (ViTConfig, ViTModel),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, required=True)
    parser.add_argument("--out", required=True)
    size_arguments(parser, "", width=32, heads=4, layers=3, image=56, patch=14, ratio=2, batch=2, seed=0)
    a = parser.parse_args()
    make_config, make_model = FAMILIES[a.family]
    mlp = {"mlp_ratio": a.ratio} if a.family == "dinov2" else {"intermediate_size": a.width * a.ratio}
    config = make_config(
        hidden_size=a.width,
        num_attention_heads=a.heads,
        num_hidden_layers=a.layers,
        image_size=a.image,
        patch_size=a.patch,
        **mlp,
    )
    model = randomise(make_model(config), a.seed)
    model.save_pretrained(a.out)
    pixels = torch.randn(a.batch, 3, a.image, a.image, generator=torch.Generator().manual_seed(a.seed + 1))
    with torch.no_grad():
        result = model(pixel_values=pixels, output_hidden_states=True)
    tensors = {"pixel_values": pixels, "last_hidden_state": result.last_hidden_state}
    tensors |= {f"hidden_states.{i}": state for i, state in enumerate(result.hidden_states)}
    write(a.out, tensors, {"kind": "encoder", "family": a.family})


if __name__ == "__main__":
    main()
