import * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from '../backend.js';
import { OutsideData } from '../data.js';
import { fillWith } from './fill.js';
import { type FastKernel, isWord, sizeOf } from './kernel.js';

const checkIds = (ids: Int32Array, size: number): void => {
  for (const id of ids) {
    if (id < 0 || id >= size) throw new Error(`GatherV2: the index value ${id} is not in [0, ${size - 1}]`);
  }
};

const gather: FastKernel = ({ backend, wasm, inputs, attrs }) => {
  const { x, indices } = inputs as { x: tf.TensorInfo; indices: tf.TensorInfo };
  if (!isWord(x) || indices.dtype !== 'int32' || attrs.batchDims) return undefined;
  const axis = tf.util.parseAxisParam(attrs.axis as number, x.shape)[0]!;
  const size = x.shape[axis]!;
  checkIds(backend.data.get(indices.dataId).values as Int32Array, size);
  const y = backend.output([...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], x.dtype);
  const inner = tf.util.sizeFromShape(x.shape.slice(axis + 1));
  const data = backend.data.get(x.dataId);
  const stored = data instanceof OutsideData ? data.stored : undefined;
  if (stored && !(stored instanceof Int32Array) && axis === 0) {
    const rows = valuesOf(backend, y) as Float32Array;
    for (const [i, id] of valuesOf(backend, indices).entries())
      stored.fill(rows.subarray(i * inner, (i + 1) * inner), id * inner);
    return y;
  }
  const count = sizeOf(indices);
  const outer = tf.util.sizeFromShape(x.shape.slice(0, axis));
  if (sizeOf(y) === 0) return y;
  const pointers = [x, indices, y].map((t) => backend.pointer(t));
  backend.run(wasm.gatherRows, outer * count, sizeOf(y) * 0.3, ...pointers, count, size, inner);
  return y;
};

const segmentSum: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
  if (x.dtype !== 'float32' || segmentIds.dtype !== 'int32' || segmentIds.shape.length !== 1) return undefined;
  const segments = attrs.numSegments as number;
  const y = fillWith(call, backend.output([segments, ...x.shape.slice(1)]), 0);
  const inner = tf.util.sizeFromShape(x.shape.slice(1));
  const count = segmentIds.shape[0]!;
  const pointers = [x, segmentIds, y].map((t) => backend.pointer(t));
  backend.run(wasm.scatterAdd, Math.ceil(inner / 64), count * inner * 0.5, ...pointers, count, segments, inner);
  return y;
};

const oneHot: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const indices = inputs.indices!;
  const { depth, onValue, offValue, dtype } = attrs as {
    depth: number;
    onValue: number;
    offValue: number;
    dtype?: tf.DataType;
  };
  const type = dtype ?? 'int32';
  if (indices.dtype !== 'int32' || (type !== 'float32' && type !== 'int32')) return undefined;
  const y = fillWith(call, backend.output([...indices.shape, depth], type), offValue);
  const values = valuesOf(backend, y);
  for (const [i, id] of valuesOf(backend, indices).entries()) {
    if (id >= 0 && id < depth) values[i * depth + id] = onValue;
  }
  return y;
};

const valuesOf = (backend: SimdBackend, x: tf.TensorInfo): Float32Array | Int32Array =>
  backend.data.get(x.dataId).values as Float32Array | Int32Array;

export const gatherKernels: Record<string, FastKernel> = {
  GatherV2: gather,
  UnsortedSegmentSum: segmentSum,
  OneHot: oneHot,
};
