import { embedding } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { tokenLogits } from '../head.js';
import type { T5Config } from './config.js';
import type { T5Params } from './spec.js';

/** int32 [B,L] -> [B,L,W]; encoder and decoder share the table. */
export function t5Embed(p: T5Params, ids: tf.Tensor): tf.Tensor3D {
  return embedding(p.shared, ids) as tf.Tensor3D;
}

/** The head: hidden [B,L,W] -> logits [B,L,V]. Without a head of its own it is the table of tokens. */
export function t5Head(p: T5Params, config: T5Config, hidden: tf.Tensor): tf.Tensor3D {
  const weight = p.lm_head?.weight ?? p.shared.weight;
  return tf.tidy(() => tokenLogits(weight, config.scaleOutputs ? tf.mul(hidden, config.hiddenSize ** -0.5) : hidden));
}
