import { HeapData } from '../data.js';
import type { FastKernel } from './kernel.js';

// What loads large weights: a tensor without values, and its values piece by piece, so that there is no second copy of them.

const uninitialized: FastKernel = ({ backend, attrs }) => {
  const { shape, dtype } = attrs as { shape: readonly number[]; dtype: 'float32' | 'int32' };
  return backend.output(shape, dtype);
};

/** Writes `bytes` into the data of x from its byte `at` on; every tensor that shares them changes. */
const writeBytes: FastKernel = ({ backend, inputs, attrs }) => {
  const x = inputs.x!;
  const { bytes, at } = attrs as unknown as { bytes: Uint8Array; at: number };
  const data = backend.data.get(x.dataId);
  const end = at + bytes.length;
  if (!(data instanceof HeapData) || !Number.isSafeInteger(at) || at < 0 || end > data.bytes) {
    const size = data instanceof HeapData ? data.bytes : 0;
    throw new Error(`WriteBytes of ${at} to ${end} does not fit into the ${size} bytes of the tensor; give others.`);
  }
  new Uint8Array(data.heap.buffer, data.pointer + at, bytes.length).set(bytes);
  return backend.share(x, x.shape);
};

export const writeKernels: Record<string, FastKernel> = { Uninitialized: uninitialized, WriteBytes: writeBytes };
