import { isRecording, runNamed } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { KeyValue } from '../key-value.js';
import { type CachedAttendOptions, checked } from '../options.js';
import { checkRotary } from '../rotary.js';
import type { RotaryTables } from '../rotary-tables.js';
import { offsetOf, wide } from './op.js';

/** The buffers of a cache, and what comes into them. */
export interface Extension extends CachedAttendOptions {
  /** Keys and values [S,C,D] of the cache. */
  readonly key: tf.Tensor;
  readonly value: tf.Tensor;
  /** The position of the first new column. */
  readonly at: number;
  /** int32 [B]: the row of the buffers of each row. Default: its own. */
  readonly rows: tf.Tensor1D | undefined;
  readonly rotations?: { readonly tables: RotaryTables; readonly positions?: tf.Tensor | undefined } | undefined;
}

const EXTEND = 'ExtendAttention';

/**
 * Appends to the buffers of a cache and attends, as one kernel, whose results are those of the ops one by one, to the bit.
 * @returns [B,Q,D]; undefined where the current backend has no such kernel, or not for these options, and while a gradient is
 * recorded
 * @throws where the shapes do not match
 */
export function extendFused(q: tf.Tensor, next: KeyValue, extension: Extension): tf.Tensor3D | undefined {
  const { key, value, at, rows, rotations, ...options } = extension;
  const { heads, keyHeads = heads, bias, gate, dropout, mask, causal, scale } = options;
  if (isRecording() || bias || gate || (dropout?.training && dropout.rate > 0)) return undefined;
  const { key: nextKey, value: nextValue } = next;
  const { cos, sin } = rotations?.tables ?? {};
  const floats = [q, nextKey, nextValue, ...(cos && sin ? [cos, sin] : [])];
  if (!tf.getKernel(EXTEND, tf.getBackend()) || floats.some((x) => x.dtype !== 'float32' || x.size === 0)) {
    return undefined;
  }
  const sizes = checked(q, key, { ...options, length: at + (nextKey.shape[1] as number), rows });
  if (rotations) {
    if (q.shape[1] !== nextKey.shape[1]) return undefined;
    for (const [x, count] of [
      [q, heads],
      [nextKey, keyHeads],
    ] as const)
      checkRotary(x, { heads: count, ...rotations });
  }
  const inputs = { q, nextKey, nextValue, key, value, ...(rows && { rows }), ...(cos && sin && { cos, sin }) };
  const { positions } = rotations ?? {};
  const { L, K } = sizes;
  const attrs = { heads, keyHeads, at, length: L, scale: scale ?? K ** -0.5, offset: offsetOf(sizes, causal) };
  return tf.tidy(() => {
    const all = { ...inputs, ...(positions && { positions }), ...(mask && { mask: wide(tf.cast(mask, 'float32')) }) };
    return runNamed(EXTEND, all, attrs)?.[0] as tf.Tensor3D;
  });
}
