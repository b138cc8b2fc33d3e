import { embedding } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { tokenLogits } from '../head.js';
import type { OptConfig } from './config.js';
import { optForward } from './forward.js';
import type { OptParams } from './spec.js';

/** Computes logits of hidden states, [B,L,W] -> [B,L,V], by the head or else by the token embeddings. */
export function optHead(p: OptParams, hidden: tf.Tensor): tf.Tensor3D {
  const weight = p.lm_head?.weight ?? p.model.decoder.embed_tokens.weight;
  return tokenLogits(weight, hidden);
}

/** Looks token embeddings up: int32 [B,L] -> [B,L,W]. */
export function optEmbed(p: OptParams, ids: tf.Tensor): tf.Tensor3D {
  return embedding(p.model.decoder.embed_tokens, ids) as tf.Tensor3D;
}

/** Input of `optLogits`. */
export interface OptTextInput {
  /** int32 [B,L] */
  readonly ids: tf.Tensor;
  /** Attention mask [B,L]. Default: all ones. */
  readonly mask?: tf.Tensor | undefined;
  /** Seed of dropout. Default: no dropout. */
  readonly dropoutSeed?: number | undefined;
}

/**
 * Computes the logits of plain text, for pre-training the language model itself: row t has the logits of token t + 1.
 * Differentiable by the parameters.
 * @returns [B,L,V]
 */
export function optLogits(p: OptParams, config: OptConfig, input: OptTextInput): tf.Tensor3D {
  const { ids, mask, dropoutSeed } = input;
  return tf.tidy(() => optHead(p, optForward(p, config, { embeddings: optEmbed(p, ids), mask, dropoutSeed }).hidden));
}
