import * as tf from '@tensorflow/tfjs';
import { POSITION_OFFSET } from './spec.js';

/**
 * The rows of the position table for the last `length` columns of a mask: kept tokens count 0, 1, 2, … from
 * row 2 on, however many pads stand between them, and pads have row 1. Mask 1 1 1 1 0 0 1 1 1 -> 2 3 4 5 1 1 6 7 8.
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
