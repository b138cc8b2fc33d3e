import { dispose, embedding } from '@blip2/tensor';
import type * as tf from '@tensorflow/tfjs';
import { type DecoderOnly, predictTargets, startDecoding } from '../decoder-only.js';
import { tokenLogits } from '../head.js';
import type { SyncLanguageModel } from '../language-model.js';
import { loraSupport } from '../lora/support.js';
import type { LlamaConfig } from './config.js';
import { llamaForward } from './forward.js';
import { type LlamaParams, llamaSpec } from './spec.js';

/** Computes logits of hidden states, [B,L,W] -> [B,L,V], by the head or else by the token embeddings. */
export function llamaHead(p: LlamaParams, hidden: tf.Tensor): tf.Tensor3D {
  return tokenLogits(p.lm_head?.weight ?? p.model.embed_tokens.weight, hidden);
}

/** Looks token embeddings up: int32 [B,L] -> [B,L,W]. */
export function llamaEmbed(p: LlamaParams, ids: tf.Tensor): tf.Tensor3D {
  return embedding(p.model.embed_tokens, ids) as tf.Tensor3D;
}

/** Binds parameters to a Llama, Qwen2 or Mistral as a `LanguageModel`. It owns the parameters: `dispose` frees them. */
export function llamaLanguageModel(p: LlamaParams, config: LlamaConfig): SyncLanguageModel {
  const decoder: DecoderOnly = {
    layers: config.layers,
    embed: (ids) => llamaEmbed(p, ids),
    forward: (input) => llamaForward(p, config, input),
    head: (hidden) => llamaHead(p, hidden),
  };
  return {
    kind: 'decoder',
    width: config.hiddenSize,
    vocabSize: config.vocabSize,
    ids: { bos: config.bos, pad: config.pad, eos: config.eos },
    maxPositions: config.maxPositions,
    embed: decoder.embed,
    predict: (input) => predictTargets(decoder, input),
    start: (prompt) => startDecoding(decoder, prompt),
    lora: loraSupport(
      p,
      () => llamaSpec(config),
      (adapted) => llamaLanguageModel(adapted, config),
    ),
    dispose: () => dispose(p),
  };
}
