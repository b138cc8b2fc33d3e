import * as tf from '@tensorflow/tfjs';
import { type Call, type FastKernel, sizeOf, vectors } from './kernel.js';

interface Unary {
  /** Its number in assembly/unary.ts. */
  op: number;
  /** Nanoseconds an element, about. */
  cost: number;
  /** The numbers that the op takes, of its attributes. */
  numbers?: (attrs: Record<string, number>) => number[];
}

const alpha = (attrs: Record<string, number>): number[] => [attrs.alpha ?? 0];
const { SELU_SCALE, SELU_SCALEALPHA } = tf.backend_util;

const UNARY: Record<string, Unary> = {
  Neg: { op: 0, cost: 0.2 },
  Exp: { op: 1, cost: 0.7 },
  Log: { op: 2, cost: 0.8 },
  Sqrt: { op: 3, cost: 0.5 },
  Rsqrt: { op: 4, cost: 0.8 },
  Square: { op: 5, cost: 0.2 },
  Relu: { op: 6, cost: 0.2 },
  Step: { op: 7, cost: 0.2, numbers: alpha },
  Tanh: { op: 8, cost: 1.5 },
  Sigmoid: { op: 9, cost: 1 },
  Erf: { op: 10, cost: 1.5 },
  Abs: { op: 11, cost: 0.2 },
  Reciprocal: { op: 12, cost: 0.5 },
  Ceil: { op: 13, cost: 0.2 },
  Floor: { op: 14, cost: 0.2 },
  Round: { op: 15, cost: 0.2 },
  Sign: { op: 16, cost: 0.2 },
  Sin: { op: 17, cost: 2.5 },
  Cos: { op: 18, cost: 2.5 },
  Expm1: { op: 19, cost: 1.2 },
  Log1p: { op: 20, cost: 1.5 },
  Softplus: { op: 21, cost: 2.5 },
  Elu: { op: 22, cost: 1.2 },
  Selu: { op: 23, cost: 1.2, numbers: () => [SELU_SCALE, SELU_SCALEALPHA / SELU_SCALE] },
  LeakyRelu: { op: 24, cost: 0.2, numbers: alpha },
  ClipByValue: { op: 25, cost: 0.2, numbers: (attrs) => [attrs.clipValueMin!, attrs.clipValueMax!] },
  Relu6: { op: 25, cost: 0.2, numbers: () => [0, 6] },
};
const LOGICAL_NOT = 26;
/** The kernel `unary` as max(x, 0). */
export const RELU: Readonly<Unary> = UNARY.Relu!;

/** y = op(x), all of float32; they may be one tensor. */
export function applyUnary({ backend, wasm, attrs }: Call, name: string, x: tf.TensorInfo, y: tf.TensorInfo): void {
  const { op, cost, numbers } = UNARY[name]!;
  const size = sizeOf(x);
  const [first = 0, second = 0] = numbers?.(attrs as Record<string, number>) ?? [];
  backend.run(wasm.unary, vectors(size), size * cost, op, backend.pointer(x), backend.pointer(y), first, second);
}

function unary(call: Call, name: string): tf.TensorInfo | undefined {
  const x = call.inputs.x!;
  if (x.dtype !== 'float32') return undefined;
  const y = call.backend.output(x.shape);
  applyUnary(call, name, x, y);
  return y;
}

const logicalNot: FastKernel = ({ backend, wasm, inputs }) => {
  const x = inputs.x!;
  if (x.dtype !== 'bool') return undefined;
  const y = backend.output(x.shape, 'bool');
  const size = sizeOf(x);
  const pointers = [x, y].map((t) => backend.pointer(t));
  backend.run(wasm.unary, Math.ceil(size / 16), size * 0.1, LOGICAL_NOT, ...pointers, 0, 0);
  return y;
};

export const unaryKernels: Record<string, FastKernel> = {
  ...Object.fromEntries(Object.keys(UNARY).map((name) => [name, (call: Call) => unary(call, name)])),
  LogicalNot: logicalNot,
};
