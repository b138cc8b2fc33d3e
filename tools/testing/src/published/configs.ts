/** A `config.json`, as it is published: what is left out has Hugging Face's default. */
export type PublishedConfig = { readonly [key: string]: unknown };

const generation = { model_type: 'blip-2', architectures: ['Blip2ForConditionalGeneration'], num_query_tokens: 32 };
const retrieval = { ...generation, architectures: ['Blip2ForImageTextRetrieval'], image_token_index: 30523 };
const texts = { vocab_size: 30523, use_qformer_text_input: true };
const fineTuned = { vision_config: { image_size: 364 } };

const opt = { model_type: 'opt', eos_token_id: 50118, num_hidden_layers: 32, num_attention_heads: 32, prefix: '</s>' };
const opt2b = { ...opt, hidden_size: 2560, word_embed_proj_dim: 2560, ffn_dim: 10240, vocab_size: 50304 };
const opt6b = { ...opt, hidden_size: 4096, word_embed_proj_dim: 4096, ffn_dim: 16384, vocab_size: 50304 };

const t5 = {
  model_type: 't5',
  d_kv: 64,
  num_layers: 24,
  num_decoder_layers: 24,
  feed_forward_proj: 'gated-gelu',
  is_gated_act: true,
  dense_act_fn: 'gelu',
  tie_word_embeddings: false,
  decoder_start_token_id: 0,
  bos_token_id: 1,
  vocab_size: 32128,
};
const flanXl = { ...t5, d_model: 2048, d_ff: 5120, num_heads: 32 };
const flanXxl = { ...t5, d_model: 4096, d_ff: 10240, num_heads: 64 };

const decoder = { ...generation, image_token_index: 50265, vision_config: {}, qformer_config: {} };
const encoderDecoder = { ...decoder, image_token_index: 32100, use_decoder_only_language_model: false };
const matching = { ...retrieval, vision_config: {}, qformer_config: texts };

/** The configurations of every published BLIP-2 (specification, section 6.1), and one of a size that fits everywhere. */
export const published = {
  'blip2-opt-2.7b': { ...decoder, text_config: opt2b },
  'blip2-opt-6.7b': { ...decoder, text_config: opt6b },
  'blip2-opt-2.7b-coco': { ...decoder, ...fineTuned, text_config: opt2b },
  'blip2-opt-6.7b-coco': { ...decoder, ...fineTuned, text_config: opt6b },
  'blip2-flan-t5-xl': { ...encoderDecoder, text_config: flanXl },
  'blip2-flan-t5-xl-coco': { ...encoderDecoder, ...fineTuned, text_config: flanXl },
  'blip2-flan-t5-xxl': { ...encoderDecoder, text_config: flanXxl },
  'blip2-itm-vit-g': matching,
  'blip2-itm-vit-g-coco': { ...matching, ...fineTuned },
  /** CLIP's ViT-L, the full Q-Former and OPT-125M: real widths in 2 GB of float32. Nobody publishes it. */
  'vit-l-opt-125m': {
    ...decoder,
    vision_config: {
      model_type: 'clip_vision_model',
      hidden_size: 1024,
      intermediate_size: 4096,
      num_hidden_layers: 24,
      num_attention_heads: 16,
      patch_size: 14,
    },
    text_config: { model_type: 'opt', eos_token_id: 50118 },
  },
} as const satisfies Record<string, PublishedConfig>;

export type PublishedName = keyof typeof published;
