import * as tf from '@tensorflow/tfjs';

/** What masked scores are lowered by. Finite: a softmax over nothing but -Infinity is NaN. */
export const MASKED = -10000;

/**
 * The additive form of a keep mask: 0 where 1, `value` where 0, with an axis for the heads.
 * @param keep int32, bool or float32, 0 or 1: [B,L] (one row of keys for all queries) or [B,Q,L]
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
 * Additive causal mask: query i stands at position `offset + i` and sees keys 0 to that position.
 * With a cache of P past keys, `keys` is P + queries and `offset` is P.
 * @returns [Q,L], which broadcasts over batch and heads
 */
export function causalMask(queries: number, keys: number, offset = 0, value: number = MASKED): tf.Tensor2D {
  if (!Number.isFinite(value)) throw new Error(`A mask's value must be finite, not ${value}.`);
  const values = new Float32Array(queries * keys);
  for (let i = 0; i < queries; i++) {
    const seen = Math.min(Math.max(offset + i + 1, 0), keys);
    values.fill(value, i * keys + seen, (i + 1) * keys);
  }
  return tf.tensor2d(values, [queries, keys]); // [Q,L]
}
