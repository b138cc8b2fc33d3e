import { embedding } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { tokenLogits } from '../head.js';
import type { T5Config } from './config.js';
import type { T5Params } from './spec.js';

/** Looks token embeddings up, which encoder and decoder share: int32 [B,L] -> [B,L,W]. */
export function t5Embed(p: T5Params, ids: tf.Tensor): tf.Tensor3D {
  return embedding(p.shared, ids) as tf.Tensor3D;
}

/** Computes logits of hidden states, [B,L,W] -> [B,L,V], by the head or else by the token embeddings. */
export function t5Head(p: T5Params, config: T5Config, hidden: tf.Tensor): tf.Tensor3D {
  const weight = p.lm_head?.weight ?? p.shared.weight;
  return tf.tidy(() => tokenLogits(weight, config.scaleOutputs ? tf.mul(hidden, config.hiddenSize ** -0.5) : hidden));
}
