import * as tf from '@tensorflow/tfjs';

/** Frees a batch: by its `Symbol.dispose` if it has one, else all tensors in its records and lists. */
export function releaseBatch(batch: unknown): void {
  if (typeof batch !== 'object' || batch === null || ArrayBuffer.isView(batch)) return;
  if (batch instanceof tf.Tensor) batch.dispose();
  else if (Symbol.dispose in batch) (batch as Disposable)[Symbol.dispose]();
  else if (Array.isArray(batch) || isRecord(batch)) Object.values(batch).forEach(releaseBatch);
}

function isRecord(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
