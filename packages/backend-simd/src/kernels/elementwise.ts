import * as tf from '@tensorflow/tfjs';
import { allFloat, type Call, type FastKernel, isWord, sizeOf, vectors, type Word } from './kernel.js';
import { broadcastStrides, simplify, writeTable } from './strides.js';

// The places of the ops are their numbers in assembly/binary.ts.
const BINARY = ['Add', 'Sub', 'Multiply', 'RealDiv', 'Maximum', 'Minimum', 'SquaredDifference'];
/** Of floats; of integers the same follow. */
const COMPARE = ['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual'];

function binary(call: Call, op: number): tf.TensorInfo | undefined {
  return allFloat(call.inputs.a, call.inputs.b) ? broadcast(call, op, 'float32') : undefined;
}

function compare(call: Call, op: number): tf.TensorInfo | undefined {
  const { a, b } = call.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
  if (!isWord(a) || a.dtype !== b.dtype) return undefined;
  const first = BINARY.length + (a.dtype === 'int32' ? COMPARE.length : 0);
  const words = broadcast(call, first + op, 'int32');
  const y = toType(call, words, CASTS['int32>bool']!, 'bool');
  call.backend.disposeIntermediateTensorInfo(words);
  return y;
}

/** Words of `op(a, b)`, of whatever type their bits are. */
function broadcast({ backend, wasm, inputs }: Call, op: number, dtype: Word): tf.TensorInfo {
  const a = inputs.a!;
  const b = inputs.b!;
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const y = backend.output(shape, dtype);
  const size = sizeOf(y);
  if (size === 0) return y;
  const pointers = [backend.pointer(a), backend.pointer(b), backend.pointer(y)];
  const sizeA = sizeOf(a);
  const sizeB = sizeOf(b);
  if ((sizeA === size || sizeA === 1) && (sizeB === size || sizeB === 1)) {
    const steps = [sizeA === size ? 1 : 0, sizeB === size ? 1 : 0];
    backend.run(wasm.binaryFlat, vectors(size), size * 0.3, op, ...pointers, ...steps);
    return y;
  }
  const rank = shape.length;
  const strides = [broadcastStrides(a.shape, rank), broadcastStrides(b.shape, rank)];
  const { table, rows, width, inner } = writeTable(backend.heap, simplify({ sizes: shape, strides }));
  backend.run(wasm.binary, rows, size * 0.3 + rows * 10, op, table, ...pointers, width, ...inner);
  return y;
}

const addN: FastKernel = ({ backend, wasm, inputs }) => {
  const tensors = Object.values(inputs);
  const first = tensors[0]!;
  if (tensors.length === 1 || !allFloat(...tensors)) return undefined;
  const y = backend.output(first.shape);
  const size = sizeOf(first);
  const to = backend.pointer(y);
  let from = backend.pointer(first);
  for (const x of tensors.slice(1)) {
    backend.run(wasm.binaryFlat, vectors(size), size * 0.3, 0, from, backend.pointer(x), to, 1, 1);
    from = to;
  }
  return y;
};

const select: FastKernel = ({ backend, wasm, inputs }) => {
  const { condition, t, e } = inputs as { condition: tf.TensorInfo; t: tf.TensorInfo; e: tf.TensorInfo };
  const size = sizeOf(t);
  if (condition.dtype !== 'bool' || t.dtype !== e.dtype || t.dtype === 'bool') return undefined;
  if (sizeOf(condition) !== size || sizeOf(e) !== size || !(t.dtype === 'float32' || t.dtype === 'int32'))
    return undefined;
  const y = backend.output(t.shape, t.dtype);
  const pointers = [condition, t, e, y].map((x) => backend.pointer(x));
  backend.run(wasm.select32, vectors(size), size * 0.4, ...pointers);
  return y;
};

const CASTS: Record<string, number> = {
  'int32>float32': 0,
  'float32>int32': 1,
  'bool>float32': 2,
  'bool>int32': 3,
  'float32>bool': 4,
  'int32>bool': 5,
};

const cast: FastKernel = (call) => {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  const dtype = attrs.dtype as 'float32' | 'int32' | 'bool';
  if (x.dtype === dtype) return backend.share(x, x.shape);
  const kind = CASTS[`${x.dtype}>${dtype}`];
  return kind === undefined ? undefined : toType(call, x, kind, dtype);
};

function toType({ backend, wasm }: Call, x: tf.TensorInfo, kind: number, dtype: Word | 'bool'): tf.TensorInfo {
  const y = backend.output(x.shape, dtype);
  const size = sizeOf(x);
  backend.run(wasm.cast, vectors(size), size * 0.4, kind, backend.pointer(x), backend.pointer(y));
  return y;
}

export const elementwiseKernels: Record<string, FastKernel> = {
  ...Object.fromEntries(BINARY.map((name, op) => [name, (call: Call) => binary(call, op)])),
  ...Object.fromEntries(COMPARE.map((name, op) => [name, (call: Call) => compare(call, op)])),
  AddN: addN,
  Select: select,
  Cast: cast,
};
