import * as tf from '@tensorflow/tfjs';
import { runNamed } from './ops/named.js';
import type { WidenInPlace } from './widen-in-place.js';

/** A tensor without values, and its memory. */
export interface LentTensor {
  /** Owned by the caller; it outlives scopes. */
  readonly tensor: tf.Tensor;
  /** Its bytes, to be filled until the tensor is disposed. */
  readonly bytes: Uint8Array;
  /** Widens them, where they end in as many values of half precision. */
  readonly widen: WidenInPlace;
}

/** Reports whether the current backend may lend memory. */
export const lendsMemory = (): boolean => tf.getKernel('Lend', tf.getBackend()) !== undefined;

/**
 * Creates a tensor whose values are read into the memory of the current backend, so that there is never a copy of them elsewhere.
 * @returns undefined where the backend lends no memory
 */
export function lentTensor(shape: readonly number[], dtype: 'float32' | 'int32'): LentTensor | undefined {
  if (!lendsMemory()) return undefined;
  const [tensor] = runNamed('Uninitialized', {}, { shape, dtype }) ?? [];
  if (!tensor) return undefined;
  const lent: Omit<LentTensor, 'tensor'>[] = [];
  const to = (bytes: Uint8Array, widen: WidenInPlace): void => void lent.push({ bytes, widen });
  tf.dispose(runNamed('Lend', { x: tensor }, { to }));
  const [memory] = lent;
  if (memory) return { tensor: tf.keep(tensor), ...memory };
  tensor.dispose();
  return undefined;
}
