import * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from '../backend.js';
import { type Call, type FastKernel, sizeOf, vectors } from './kernel.js';
import { broadcastStrides, type Loop, simplify, writeTable } from './strides.js';

type Word = 'float32' | 'int32';
const isWord = (x: tf.TensorInfo): x is tf.TensorInfo & { dtype: Word } => x.dtype === 'float32' || x.dtype === 'int32';

/** Copies words along a loop; `x` and `y` are pointers. */
function copy({ backend, wasm }: Pick<Call, 'backend' | 'wasm'>, x: number, y: number, loop: Loop): void {
  const { table, rows, width, inner } = writeTable(backend.heap, simplify(loop));
  const each = inner[0] === 1 && inner[1] === 1 ? 0.3 : 1.5;
  backend.run(wasm.stridedCopy, rows, rows * (width * each + 10), table, x, y, width, ...inner);
}

const contiguous = (shape: readonly number[]): number[] => {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
};

const transpose: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const x = inputs.x!;
  const perm = attrs.perm as number[];
  if (!isWord(x)) return undefined;
  const shape = perm.map((axis) => x.shape[axis]!);
  const kept = perm.filter((axis) => x.shape[axis] !== 1);
  if (kept.every((axis, i) => i === 0 || axis > kept[i - 1]!)) return backend.share(x, shape);
  const y = backend.output(shape, x.dtype);
  const size = sizeOf(x);
  if (size === 0) return y;
  const from = contiguous(x.shape);
  const strides = [perm.map((axis) => from[axis]!), contiguous(shape)];
  const loop = simplify({ sizes: shape, strides });
  const planes = asPlanes(loop);
  if (planes) {
    const { batch, R, C } = planes;
    const items = batch * Math.ceil(R / 16);
    backend.run(wasm.transposePlanes, items, size * 0.8, backend.pointer(x), backend.pointer(y), R, C);
  } else copy(call, backend.pointer(x), backend.pointer(y), loop);
  return y;
};

/** Is this [batch,R,C] -> [batch,C,R]? */
function asPlanes({ sizes, strides }: Loop): { batch: number; R: number; C: number } | undefined {
  const rank = sizes.length;
  if (rank !== 2 && rank !== 3) return undefined;
  const [C, R] = sizes.slice(-2) as [number, number];
  const [stepC, stepR] = strides[0]!.slice(-2);
  const batch = rank === 3 ? sizes[0]! : 1;
  if (stepC !== 1 || stepR !== C || (rank === 3 && strides[0]![0] !== R * C)) return undefined;
  return { batch, R, C };
}

const slice: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  if (!isWord(x)) return undefined;
  const [begin, size] = tf.slice_util.parseSliceParams(
    x as tf.Tensor,
    attrs.begin as number | number[],
    attrs.size as number | number[],
  ) as [number[], number[]];
  tf.slice_util.assertParamsValid(x, begin, size);
  const y = backend.output(size, x.dtype);
  if (sizeOf(y) === 0) return y;
  const from = contiguous(x.shape);
  const offset = begin.reduce((sum, b, axis) => sum + b * from[axis]!, 0);
  copy(call, backend.pointer(x) + offset * 4, backend.pointer(y), { sizes: size, strides: [from, contiguous(size)] });
  return y;
};

const concat: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const tensors = Object.values(inputs);
  const first = tensors[0]!;
  if (!isWord(first) || tensors.some((x) => x.dtype !== first.dtype)) return undefined;
  const axis = tf.util.parseAxisParam(attrs.axis as number, first.shape)[0]!;
  const shape = tf.backend_util.computeOutShape(
    tensors.map((x) => x.shape),
    axis,
  );
  const y = backend.output(shape, first.dtype);
  const to = contiguous(shape);
  let offset = 0;
  for (const x of tensors) {
    const strides = [contiguous(x.shape), to];
    if (sizeOf(x) > 0) copy(call, backend.pointer(x), backend.pointer(y) + offset * 4, { sizes: x.shape, strides });
    offset += x.shape[axis]! * to[axis]!;
  }
  return y;
};

/** Words that fill a tensor of a type with a value. */
function bitsOf(value: number, dtype: Word): number {
  if (dtype === 'int32') return value;
  return new Int32Array(new Float32Array([value]).buffer)[0]!;
}

function fillWith({ backend, wasm }: Pick<Call, 'backend' | 'wasm'>, y: tf.TensorInfo, value: number): tf.TensorInfo {
  const size = sizeOf(y);
  backend.run(wasm.fill32, vectors(size), size * 0.2, backend.pointer(y), bitsOf(value, y.dtype as Word));
  return y;
}

const pad: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  if (!isWord(x)) return undefined;
  const paddings = attrs.paddings as [number, number][];
  const shape = x.shape.map((n, i) => paddings[i]![0] + n + paddings[i]![1]);
  const y = fillWith(call, backend.output(shape, x.dtype), attrs.constantValue as number);
  if (sizeOf(x) === 0) return y;
  const to = contiguous(shape);
  const offset = paddings.reduce((sum, [before], axis) => sum + before * to[axis]!, 0);
  const loop = { sizes: x.shape, strides: [contiguous(x.shape), to] };
  copy(call, backend.pointer(x), backend.pointer(y) + offset * 4, loop);
  return y;
};

const tile: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  const reps = attrs.reps as number[];
  if (!isWord(x) || reps.length !== x.shape.length) return undefined;
  const y = backend.output(
    x.shape.map((n, i) => n * reps[i]!),
    x.dtype,
  );
  if (sizeOf(y) === 0) return y;
  const from = broadcastStrides(x.shape, x.shape.length);
  const sizes = x.shape.flatMap((n, i) => [reps[i]!, n]);
  const strides = [from.flatMap((s) => [0, s]), contiguous(sizes)];
  copy(call, backend.pointer(x), backend.pointer(y), { sizes, strides });
  return y;
};

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

const fill: FastKernel = (call) => {
  const { shape, value, dtype } = call.attrs as { shape: number[]; value: number | string; dtype?: tf.DataType };
  const type = dtype ?? (typeof value === 'string' ? 'string' : 'float32');
  if (type !== 'float32' && type !== 'int32') return undefined;
  return fillWith(call, call.backend.output(shape, type), value as number);
};

const like =
  (value: number): FastKernel =>
  (call) => {
    const x = call.inputs.x!;
    return isWord(x) ? fillWith(call, call.backend.output(x.shape, x.dtype), value) : undefined;
  };

export const moveKernels: Record<string, FastKernel> = {
  Transpose: transpose,
  Slice: slice,
  Concat: concat,
  PadV2: pad,
  Tile: tile,
  GatherV2: gather,
  UnsortedSegmentSum: segmentSum,
  OneHot: oneHot,
  Fill: fill,
  ZerosLike: like(0),
  OnesLike: like(1),
};
