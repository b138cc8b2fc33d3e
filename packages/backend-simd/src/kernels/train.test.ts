import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { backend, numbers } from '../test-support/both.js';

test.each([undefined, 0.25])('AdamW writes parameter and moments in place, gradients multiplied by %s', (times) => {
  const shape: [number, number] = [37, 29];
  const tensors = [1, 2, 3, 4].map((seed) =>
    tf.tensor2d(
      numbers(shape, seed).map((x) => (seed === 4 ? x * x : x)),
      shape,
    ),
  );
  const [param, grad, m, v] = tensors as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
  const before = tensors.map((x) => x.dataSync());
  const o = { lr: 1e-2, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05, step: 3, gradScale: 0.5 };
  const factor = times === undefined ? undefined : tf.scalar(times);
  const { live } = backend.heap.statistics();
  expect(tf.engine().runKernel('AdamWUpdate', { param, grad, m, v, ...(factor && { factor }) }, o)).toEqual([]);
  expect(backend.heap.statistics().live).toBe(live);
  const after = tensors.map((x) => x.dataSync());
  for (let i = 0; i < param.size; i++) {
    const g = before[1]![i]! * o.gradScale * (times ?? 1);
    const m1 = o.beta1 * before[2]![i]! + (1 - o.beta1) * g;
    const v1 = o.beta2 * before[3]![i]! + (1 - o.beta2) * g * g;
    const step = (o.lr * (m1 / (1 - o.beta1 ** o.step))) / (Math.sqrt(v1 / (1 - o.beta2 ** o.step)) + o.epsilon);
    expect(after[2]![i]).toBeCloseTo(m1, 6);
    expect(after[3]![i]).toBeCloseTo(v1, 6);
    expect(after[0]![i]).toBeCloseTo(before[0]![i]! * (1 - o.lr * o.weightDecay) - step, 6);
  }
  expect(after[1]).toEqual(before[1]);
  tf.dispose([...tensors, ...(factor ? [factor] : [])]);
});

/** As `keepsElement` of `@blip2/tensor`. */
function keeps(seed: number, i: number, rate: number): boolean {
  const mix = (x: number): number => {
    const h = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    const k = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (k ^ (k >>> 16)) >>> 0;
  };
  return mix((i ^ mix(seed)) >>> 0) >= rate * 4294967296;
}

test('dropout keeps the elements that its hash says', () => {
  for (const [seed, rate] of [
    [1, 0.1],
    [123456, 0.5],
    [-7, 0.9],
  ] as [number, number][]) {
    const x = tf.ones([1003]);
    const y = tf.engine().runKernel('Dropout', { x }, { rate, seed }) as tf.Tensor;
    const right = Array.from({ length: 1003 }, (_, i) => (keeps(seed, i, rate) ? Math.fround(1 / (1 - rate)) : 0));
    expect(Array.from(y.dataSync())).toEqual(right);
    tf.dispose([x, y]);
  }
});

test('AddInto writes over a sum that nobody shares, and spares one that is shared', () => {
  const shape = [7, 5];
  const [sum, more] = [tf.tensor(numbers(shape, 1), shape), tf.tensor(numbers(shape, 2), shape)];
  const right = Array.from(numbers(shape, 1), (x, i) => Math.fround(x + numbers(shape, 2)[i]!));
  const shared = sum.clone();
  const { live } = backend.heap.statistics();
  const y = tf.engine().runKernel('AddInto', { sum, more }) as tf.Tensor;
  expect(Array.from(y.dataSync())).toEqual(right);
  expect(Array.from(shared.dataSync())).toEqual(Array.from(numbers(shape, 1)));
  y.dispose();
  shared.dispose();
  const own = tf.engine().runKernel('AddInto', { sum, more }) as tf.Tensor;
  expect(backend.heap.statistics().live).toBe(live);
  sum.dispose();
  expect(Array.from(own.dataSync())).toEqual(right);
  tf.dispose([own, more]);
});
