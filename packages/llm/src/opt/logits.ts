import { embedding } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { tokenLogits } from '../head.js';
import type { OptConfig } from './config.js';
import { optForward } from './forward.js';
import type { OptParams } from './spec.js';

/** The head: hidden [B,L,W] -> logits [B,L,V]. Without a head of its own it is the table of tokens. */
export function optHead(p: OptParams, hidden: tf.Tensor): tf.Tensor3D {
  const weight = p.lm_head?.weight ?? p.model.decoder.embed_tokens.weight;
  return tokenLogits(weight, hidden);
}

/** int32 [B,L] -> [B,L,W] */
export function optEmbed(p: OptParams, ids: tf.Tensor): tf.Tensor3D {
  return embedding(p.model.decoder.embed_tokens, ids) as tf.Tensor3D;
}

export interface OptTextInput {
  /** int32 [B,L] */
  readonly ids: tf.Tensor;
  /** Keep mask [B,L]. Default: all ones. */
  readonly mask?: tf.Tensor | undefined;
  readonly dropoutSeed?: number | undefined;
}

/**
 * The model as a language model of text alone, for its own pre-training: row t holds the logits of token t + 1.
 * Differentiable by the parameters.
 * @returns [B,L,V]
 */
export function optLogits(p: OptParams, config: OptConfig, input: OptTextInput): tf.Tensor3D {
  const { ids, mask, dropoutSeed } = input;
  return tf.tidy(() => optHead(p, optForward(p, config, { embeddings: optEmbed(p, ids), mask, dropoutSeed }).hidden));
}
