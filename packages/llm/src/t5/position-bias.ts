import { embedding } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { T5Config } from './config.js';
import type { T5Params } from './spec.js';

/** Whether a position bias is that of the bidirectional encoder or of the causal decoder. */
export type Direction = 'encoder' | 'decoder';

/**
 * Gives the bucket of each distance 0, 1, … below `length`: short distances have one each, longer ones share them
 * logarithmically, and all from `maxDistance` on share the last. In the encoder half of the buckets are for keys after the
 * query, and this is the other half. Computed in float32, as in the reference, where bounds depend on it.
 */
export function distanceBuckets(
  { buckets, maxDistance }: Pick<T5Config, 'buckets' | 'maxDistance'>,
  direction: Direction,
  length: number,
): Int32Array {
  const { fround, log } = Math;
  const count = direction === 'encoder' ? Math.floor(buckets / 2) : buckets;
  const near = Math.floor(count / 2);
  const scale = fround(log(maxDistance / near));
  return Int32Array.from({ length }, (_, n) => {
    if (n < near) return n;
    const share = fround(fround(log(fround(n / near))) / scale);
    return Math.min(count - 1, near + Math.floor(fround(share * (count - near))));
  });
}

/** Computes the relative position bias of queries and keys, both 0 to `length`: [1,H,length,length]; differentiable by the parameters. */
export function positionBias(p: T5Params, config: T5Config, direction: Direction, length: number): tf.Tensor4D {
  const own = distanceBuckets(config, direction, length);
  const after = direction === 'encoder' ? Math.floor(config.buckets / 2) : 0;
  const ids = new Int32Array(length * length);
  for (let q = 0; q < length; q++) {
    for (let k = 0; k < length; k++) {
      const behind = (own[Math.abs(k - q)] as number) + after;
      ids[q * length + k] = k <= q ? (own[q - k] as number) : direction === 'encoder' ? behind : 0;
    }
  }
  return tf.tidy(() => biasOf(p, direction, tf.tensor2d(ids, [length, length], 'int32')));
}

/**
 * Computes the relative position bias of the last of `length` positions, [1,H,1,length]. The row of a position is the end of
 * the row of any later one.
 */
export function lastPositionBias(p: T5Params, config: T5Config, length: number): tf.Tensor4D {
  const ids = distanceBuckets(config, 'decoder', length).reverse();
  return tf.tidy(() => biasOf(p, 'decoder', tf.tensor2d(ids, [1, length], 'int32')));
}

/** int32 [Q,L] -> [1,H,Q,L] */
function biasOf(p: T5Params, direction: Direction, ids: tf.Tensor2D): tf.Tensor4D {
  const table = p[direction].block[0]?.layer[0].SelfAttention.relative_attention_bias;
  if (!table) throw new Error(`This T5 has no layers in its ${direction}, and so no positions; check its config.`);
  return tf.expandDims(tf.transpose(embedding(table, ids), [2, 0, 1]), 0) as tf.Tensor4D;
}
