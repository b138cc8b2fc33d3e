import type * as tf from '@tensorflow/tfjs';
import { type Call, type FastKernel, sizeOf, vectors } from './kernel.js';

/** Ops and nanoseconds an element, about; their places are their numbers in assembly/unary.ts. */
export const UNARY = [
  ['Neg', 0.2],
  ['Exp', 0.7],
  ['Log', 0.8],
  ['Sqrt', 0.5],
  ['Rsqrt', 0.8],
  ['Square', 0.2],
  ['Relu', 0.2],
  ['Step', 0.2],
  ['Tanh', 1.5],
  ['Sigmoid', 1],
  ['Erf', 1.5],
  ['Abs', 0.2],
  ['Reciprocal', 0.5],
] as const;

function unary({ backend, wasm, inputs, attrs }: Call, op: number, cost: number): tf.TensorInfo | undefined {
  const x = inputs.x!;
  if (x.dtype !== 'float32') return undefined;
  const y = backend.output(x.shape);
  const size = sizeOf(x);
  const alpha = (attrs as { alpha?: number } | undefined)?.alpha ?? 0;
  backend.run(wasm.unary, vectors(size), size * cost, op, backend.pointer(x), backend.pointer(y), alpha);
  return y;
}

export const unaryKernels: Record<string, FastKernel> = Object.fromEntries(
  UNARY.map(([name, cost], op) => [name, (call: Call) => unary(call, op, cost)]),
);
