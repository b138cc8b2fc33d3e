import '@blip2/testing';
import { expect } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { register } from '../register.js';

/** Registers the backend with two threads and chooses it. */
export const backend = await register({ threads: 2 });
await tf.ready();
tf.setBackend('simd');

export interface Values {
  shape: number[];
  values: number[];
}

/** Small deterministic numbers, different for every `seed`. */
export function numbers(shape: readonly number[], seed: number, scale = 1): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: size }, (_, i) => scale * Math.sin((i + 1) * 12.9898 + seed * 78.233));
}

/** What a kernel of the running backend gives. */
export const kernel = (name: string, inputs: tf.NamedTensorMap, attrs: object): tf.Tensor[] => {
  const out = tf.engine().runKernel(name, inputs as never, attrs as never);
  return (Array.isArray(out) ? out : [out]) as tf.Tensor[];
};
/** Has the running backend a kernel of this name? */
export const named = (name: string): boolean => tf.getKernel(name, tf.getBackend()) !== undefined;

/** What `f` gives on one backend. */
export function on(name: string, f: () => tf.Tensor | tf.Tensor[]): Values[] {
  tf.setBackend(name);
  try {
    const out = tf.tidy(f);
    const list = Array.isArray(out) ? out : [out];
    const values = list.map((x) => ({ shape: x.shape, values: Array.from(x.dataSync()) }));
    for (const x of list) x.dispose();
    return values;
  } finally {
    tf.setBackend('simd');
  }
}

/** Runs `f`, which must make its own tensors, on tfjs' cpu backend and on this one: same shapes, close values, no leak. */
export function expectSame(f: () => tf.Tensor | tf.Tensor[], tolerance = 1e-5): void {
  const { live } = backend.heap.statistics();
  const { numTensors } = tf.memory();
  const right = on('cpu', f);
  const mine = on('simd', f);
  expect(mine.map((x) => x.shape)).toEqual(right.map((x) => x.shape));
  for (const [i, { values }] of right.entries()) {
    const worst = worstDifference(mine[i]!.values, values, tolerance);
    if (worst) throw new Error(`Output ${i} of shape [${mine[i]!.shape}] ${worst}.`);
  }
  expect(backend.heap.statistics().live).toBe(live);
  expect(tf.memory().numTensors).toBe(numTensors);
}

function worstDifference(mine: number[], right: number[], tolerance: number): string | undefined {
  for (const [j, b] of right.entries()) {
    const a = mine[j]!;
    if (Object.is(a, b) || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (!(Math.abs(a - b) <= tolerance * (1 + Math.abs(b)))) return `is ${a} at ${j}, not ${b}`;
  }
  return undefined;
}

/** Largest error of `f` relative to `right`, both on [low, high]. */
export function relativeError(
  f: (x: tf.Tensor) => tf.Tensor,
  right: (x: number) => number,
  [low, high]: [number, number],
): number {
  const xs = Float32Array.from({ length: 5001 }, (_, i) => low + ((high - low) * i) / 5000);
  const ys = tf.tidy(() => f(tf.tensor1d(xs))).dataSync();
  return xs.reduce((worst, x, i) => Math.max(worst, Math.abs(ys[i]! / right(x) - 1) || 0), 0);
}
