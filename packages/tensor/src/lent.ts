import * as tf from '@tensorflow/tfjs';
import { runNamed } from './ops/named.js';

/** A tensor without values, and its memory. */
export interface LentTensor {
  /** Owned by the caller; it outlives scopes. */
  readonly tensor: tf.Tensor;
  /** Its bytes, to be filled until the tensor is disposed. */
  readonly bytes: Uint8Array;
}

/**
 * Creates a tensor whose values are read into the memory of the current backend, so that there is never a copy of them elsewhere.
 * @returns undefined where the backend lends no memory
 */
export function lentTensor(shape: readonly number[], dtype: 'float32' | 'int32'): LentTensor | undefined {
  if (!tf.getKernel('Lend', tf.getBackend())) return undefined;
  const [tensor] = runNamed('Uninitialized', {}, { shape, dtype }) ?? [];
  if (!tensor) return undefined;
  const lent: Uint8Array[] = [];
  tf.dispose(runNamed('Lend', { x: tensor }, { to: (all: Uint8Array) => void lent.push(all) }));
  const [bytes] = lent;
  if (bytes) return { tensor: tf.keep(tensor), bytes };
  tensor.dispose();
  return undefined;
}
