import * as tf from '@tensorflow/tfjs';
import { allFloat, type Call, type FastKernel, isWord, sizeOf, vectors, type Word } from './kernel.js';
import { broadcastStrides, simplify, writeTable } from './strides.js';

type Pair = [tf.TensorInfo, tf.TensorInfo];

// The numbers of the ops are those of assembly/binary.ts.
const FLOAT = {
  Add: 0,
  Sub: 1,
  Multiply: 2,
  RealDiv: 3,
  Maximum: 4,
  Minimum: 5,
  SquaredDifference: 6,
  Pow: 21,
  Prelu: 22,
  EluGrad: 23,
};
const INTEGER: Record<string, number> = { Add: 24, Sub: 25, Multiply: 26, Maximum: 27, Minimum: 28 };
/** Of floats; of integers the same follow. */
const COMPARE = ['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual'];
const FIRST_COMPARE = 7;
const LOGICAL = { LogicalAnd: 19, LogicalOr: 20 };

/** Nanoseconds an element, about. */
const COST = 0.3;
const COST_OF_POW = 8;

function binary(call: Call, name: keyof typeof FLOAT, [a, b]: Pair): tf.TensorInfo | undefined {
  const cost = name === 'Pow' ? COST_OF_POW : COST;
  if (allFloat(a, b)) return broadcast(call, [a, b], { op: FLOAT[name], dtype: 'float32', cost });
  const op = INTEGER[name];
  if (op === undefined || a.dtype !== 'int32' || b.dtype !== 'int32') return undefined;
  return broadcast(call, [a, b], { op, dtype: 'int32' });
}

function compare(call: Call, op: number, [a, b]: Pair): tf.TensorInfo | undefined {
  if (!isWord(a) || a.dtype !== b.dtype) return undefined;
  const first = FIRST_COMPARE + (a.dtype === 'int32' ? COMPARE.length : 0);
  return truth(call, broadcast(call, [a, b], { op: first + op, dtype: 'int32' }));
}

function logical(call: Call, op: number, pair: Pair): tf.TensorInfo | undefined {
  if (pair.some((x) => x.dtype !== 'bool')) return undefined;
  const words = pair.map((x) => castTo(call, x, 'int32')) as Pair;
  const y = truth(call, broadcast(call, words, { op, dtype: 'int32' }));
  for (const x of words) call.backend.disposeIntermediateTensorInfo(x);
  return y;
}

/** Which of the words, which it disposes of, are not 0. */
function truth(call: Call, words: tf.TensorInfo): tf.TensorInfo {
  const y = castTo(call, words, 'bool');
  call.backend.disposeIntermediateTensorInfo(words);
  return y;
}

/** Words of `op(a, b)`, of whatever type their bits are. */
function broadcast(
  { backend, wasm }: Call,
  [a, b]: Pair,
  { op, dtype, cost = COST }: { op: number; dtype: Word; cost?: number },
): tf.TensorInfo {
  const shape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
  const y = backend.output(shape, dtype);
  const size = sizeOf(y);
  if (size === 0) return y;
  const pointers = [backend.pointer(a), backend.pointer(b), backend.pointer(y)];
  const sizeA = sizeOf(a);
  const sizeB = sizeOf(b);
  if ((sizeA === size || sizeA === 1) && (sizeB === size || sizeB === 1)) {
    const steps = [sizeA === size ? 1 : 0, sizeB === size ? 1 : 0];
    backend.run(wasm.binaryFlat, vectors(size), size * cost, op, ...pointers, ...steps);
    return y;
  }
  const rank = shape.length;
  const strides = [broadcastStrides(a.shape, rank), broadcastStrides(b.shape, rank)];
  const { table, rows, width, inner } = writeTable(backend.heap, simplify({ sizes: shape, strides }));
  backend.run(wasm.binary, rows, size * cost + rows * 10, op, table, ...pointers, width, ...inner);
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
  return `${x.dtype}>${dtype}` in CASTS ? castTo(call, x, dtype) : undefined;
};

/** `x`, of another type, as `dtype`; it must be one of the pairs above. */
export function castTo({ backend, wasm }: Call, x: tf.TensorInfo, dtype: Word | 'bool'): tf.TensorInfo {
  const y = backend.output(x.shape, dtype);
  const size = sizeOf(x);
  const kind = CASTS[`${x.dtype}>${dtype}`]!;
  backend.run(wasm.cast, vectors(size), size * 0.4, kind, backend.pointer(x), backend.pointer(y));
  return y;
}

const pairOf = ({ inputs }: Call): Pair => [inputs.a!, inputs.b!];

export const elementwiseKernels: Record<string, FastKernel> = {
  ...Object.fromEntries(
    (Object.keys(FLOAT) as (keyof typeof FLOAT)[]).map((name) => [
      name,
      (call: Call) => binary(call, name, pairOf(call)),
    ]),
  ),
  ...Object.fromEntries(COMPARE.map((name, op) => [name, (call: Call) => compare(call, op, pairOf(call))])),
  ...Object.fromEntries(
    Object.entries(LOGICAL).map(([name, op]) => [name, (call: Call) => logical(call, op, pairOf(call))]),
  ),
  Prelu: (call) => binary(call, 'Prelu', [call.inputs.x!, call.inputs.alpha!]),
  EluGrad: (call) => binary(call, 'EluGrad', [call.inputs.dy!, call.inputs.y!]),
  AddN: addN,
  Select: select,
  Cast: cast,
};
