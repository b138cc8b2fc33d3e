import * as tf from '@tensorflow/tfjs';
import { POSITION_OFFSET } from './spec.js';

/**
 * Computes the rows of the position embeddings for the last `length` columns of an attention mask: tokens are counted from
 * row 2 on, however much padding stands between them, and padding has row 1. Mask 1 1 1 1 0 0 1 1 1 -> 2 3 4 5 1 1 6 7 8.
 * @param mask [B,L]
 * @returns int32 [B,length]
 */
export function positionRows(mask: tf.Tensor, length: number): tf.Tensor2D {
  return tf.tidy(() => {
    const keep = tf.cast(mask, 'int32') as tf.Tensor2D;
    const [B, L] = keep.shape;
    const rows = tf.add(tf.mul(tf.cumsum(keep, 1), keep), POSITION_OFFSET - 1);
    return tf.cast(tf.slice(rows as tf.Tensor2D, [0, L - length], [B, length]), 'int32'); // [B,length]
  });
}
