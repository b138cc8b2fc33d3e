import * as tf from '@tensorflow/tfjs';
import type { Call, FastKernel } from './kernel.js';

// As in assembly/reduce.ts.
export const SUM = 0;
const MAX = 1;
const MIN = 2;
const PROD = 3;

/** Sums of more numbers are taken in blocks: for the threads, and because errors grow with the length of a sum. */
const LONG = 1 << 16;
const BLOCK = 1 << 14;

interface Groups {
  A: number;
  R: number;
  C: number;
  op: number;
  scale: number;
}

/** [A,R,C] -> [A,C]. */
export function reduce(
  { backend, wasm }: Pick<Call, 'backend' | 'wasm'>,
  x: tf.TensorInfo,
  { A, R, C, op, scale }: Groups,
): tf.TensorInfo {
  const y = backend.output([A, C]);
  const size = A * R * C;
  const from = backend.pointer(x);
  const to = backend.pointer(y);
  if (C > 1) {
    backend.run(wasm.reduceColumns, A * Math.ceil(C / 16), size * 0.3, op, from, to, R, C, scale);
  } else if (A === 1 && R > LONG) {
    const count = Math.ceil(R / BLOCK);
    const partial = backend.output([count]);
    const middle = backend.pointer(partial);
    backend.run(wasm.reduceRows, count, size * 0.3, op, from, middle, BLOCK, R, 1);
    backend.run(wasm.reduceRows, 1, 0, op, middle, to, count, count, scale);
    backend.disposeIntermediateTensorInfo(partial);
  } else {
    backend.run(wasm.reduceRows, A, size * 0.3, op, from, to, R, size, scale);
  }
  return y;
}

/** Neighboring axes that are all kept or all reduced, joined. */
function groups(shape: number[], reduced: Set<number>): { size: number; reduced: boolean }[] {
  const result: { size: number; reduced: boolean }[] = [];
  for (const [axis, size] of shape.entries()) {
    if (size === 1) continue;
    const last = result.at(-1);
    if (last && last.reduced === reduced.has(axis)) last.size *= size;
    else result.push({ size, reduced: reduced.has(axis) });
  }
  return result;
}

const product = (list: { size: number }[]): number => list.reduce((p, { size }) => p * size, 1);

function reduction(call: Call, op: number, mean: boolean): tf.TensorInfo | undefined {
  const { backend, inputs, attrs } = call;
  const x = inputs.x!;
  const { axis, reductionIndices, keepDims } = attrs as {
    axis?: number | number[];
    reductionIndices?: number | number[];
    keepDims?: boolean;
  };
  const size = tf.util.sizeFromShape(x.shape);
  if (x.dtype !== 'float32' || size === 0) return undefined;
  const axes = new Set(tf.util.parseAxisParam((axis ?? reductionIndices) as number | number[], x.shape));
  const shape = x.shape.flatMap((n, i) => (axes.has(i) ? (keepDims ? [1] : []) : [n]));
  const scale = mean ? tf.util.sizeFromShape(shape) / size : 1;
  const parts = groups(x.shape, axes);
  let current = backend.share(x, x.shape);
  while (parts.some((part) => part.reduced)) {
    const at = parts.findLastIndex((part) => part.reduced);
    const last = parts.filter((part) => part.reduced).length === 1;
    const A = product(parts.slice(0, at));
    const C = product(parts.slice(at + 1));
    const next = reduce(call, current, { A, R: parts[at]!.size, C, op, scale: last ? scale : 1 });
    backend.disposeIntermediateTensorInfo(current);
    current = next;
    parts.splice(at, 1);
  }
  return { dataId: current.dataId, shape, dtype: 'float32' };
}

export const reduceKernels: Record<string, FastKernel> = {
  Sum: (call) => reduction(call, SUM, false),
  Mean: (call) => reduction(call, SUM, true),
  Max: (call) => reduction(call, MAX, false),
  Min: (call) => reduction(call, MIN, false),
  Prod: (call) => reduction(call, PROD, false),
};
