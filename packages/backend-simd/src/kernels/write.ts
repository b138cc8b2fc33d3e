import { HeapData } from '../data.js';
import type { FastKernel } from './kernel.js';

// What loads large weights without a second copy of them: a tensor without values, and its values piece by piece, or its memory, to
// read them into.

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

/** Turns lent memory that ends in values of half precision into as many float32, where it lies. */
type WidenInPlace = (dtype: 'F16' | 'BF16') => void;

/**
 * Lends the bytes of x to `to`, which may fill them until x is disposed; every tensor that shares them changes. Memory that is not
 * shared moves when it grows, and is not lent: then `to` is not called.
 */
const lend: FastKernel = ({ backend, inputs, attrs }) => {
  const x = inputs.x!;
  const { to } = attrs as unknown as { to: (bytes: Uint8Array, widen: WidenInPlace) => void };
  const data = backend.data.get(x.dataId);
  if (!(data instanceof HeapData) || !data.heap.shared) return backend.share(x, x.shape);
  to(new Uint8Array(data.heap.buffer, data.pointer, data.bytes), (dtype) => backend.widenInPlace(data, dtype));
  return backend.share(x, x.shape);
};

export const writeKernels: Record<string, FastKernel> = {
  Uninitialized: uninitialized,
  WriteBytes: writeBytes,
  Lend: lend,
};
