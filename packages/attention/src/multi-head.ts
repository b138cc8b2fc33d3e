import * as tf from '@tensorflow/tfjs';
import { type AttendOptions, attend } from './attend.js';
import { mergeHeads, splitHeads } from './heads.js';

export interface MultiHeadOptions extends AttendOptions {
  readonly heads: number;
}

/**
 * Attention of already projected queries, keys and values: heads apart, `attend`, heads together.
 * The projections stay with the model, whose checkpoint names them.
 * @param q [B,Q,D]; k [B,L,D]; v [B,L,D]
 * @returns [B,Q,D], before the output projection
 */
export function multiHeadAttention(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, options: MultiHeadOptions): tf.Tensor3D {
  const { heads, ...rest } = options;
  return tf.tidy(() => mergeHeads(attend(splitHeads(q, heads), splitHeads(k, heads), splitHeads(v, heads), rest)));
}
