import * as tf from '@tensorflow/tfjs';

/** The value that masks add to scores. It is finite, as a softmax over -Infinity alone is NaN. */
export const MASKED = -10000;

/**
 * Converts an attention mask of ones and zeros to an additive mask: 0 where it is 1, `value` where it is 0, with an axis for
 * the heads.
 * @param keep int32, bool or float32, 0 or 1: [B,L] (the same keys for all queries) or [B,Q,L]
 * @throws for other ranks, and for a value that is not finite
 * @returns [B,1,1,L] or [B,1,Q,L]
 */
export function additiveMask(keep: tf.Tensor, value: number = MASKED): tf.Tensor4D {
  if (keep.rank !== 2 && keep.rank !== 3) {
    throw new Error(`additiveMask needs a keep mask [B,L] or [B,Q,L], not [${keep.shape}].`);
  }
  if (!Number.isFinite(value)) throw new Error(`A mask's value must be finite, not ${value}.`);
  const [B, L] = [keep.shape[0] as number, keep.shape[keep.rank - 1] as number];
  const Q = keep.rank === 3 ? (keep.shape[1] as number) : 1;
  return tf.tidy(() => {
    const dropped = tf.sub(1, tf.cast(keep, 'float32'));
    return tf.reshape(tf.mul(dropped, value), [B, 1, Q, L]); // [B,1,Q,L]
  });
}

/**
 * Creates an additive causal mask: query i is at position `offset + i` and attends to keys 0 to that position. With a cache of P
 * past keys, `keys` is P + queries and `offset` is P.
 * @returns [Q,L], which broadcasts over batch and heads
 * @throws for a value that is not finite
 */
export function causalMask(queries: number, keys: number, offset = 0, value: number = MASKED): tf.Tensor2D {
  if (!Number.isFinite(value)) throw new Error(`A mask's value must be finite, not ${value}.`);
  const values = new Float32Array(queries * keys);
  for (let i = 0; i < queries; i++) {
    const visible = Math.min(Math.max(offset + i + 1, 0), keys);
    values.fill(value, i * keys + visible, (i + 1) * keys);
  }
  return tf.tensor2d(values, [queries, keys]); // [Q,L]
}
