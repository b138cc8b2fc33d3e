import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { backend, expectSame, numbers } from '../test-support/both.js';

/** Two shapes that broadcast with each other; some axes are 0. */
const shapes = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.constantFrom('both', 'both', 'left', 'right')), { maxLength: 4 })
  .chain((axes) =>
    fc.tuple(fc.constant(axes), fc.integer({ min: 0, max: axes.length }), fc.boolean()).map(([list, cut, swap]) => {
      const a = list.map(([n, side]) => (side === 'right' ? 1 : n));
      const b = list.map(([n, side]) => (side === 'left' ? 1 : n)).slice(cut);
      return swap ? ([b, a] as const) : ([a, b] as const);
    }),
  );

const binaries = [tf.add, tf.sub, tf.mul, tf.div, tf.maximum, tf.minimum, tf.squaredDifference] as ((
  a: tf.Tensor,
  b: tf.Tensor,
) => tf.Tensor)[];

test('binary ops broadcast as on cpu', () => {
  fc.assert(
    fc.property(shapes, fc.constantFrom(...binaries), ([a, b], op) => {
      expectSame(() => op(tf.tensor(numbers(a, 1), [...a]), tf.tensor(numbers(b, 2), [...b])), 1e-5);
    }),
    { numRuns: 150, seed: 2 },
  );
});

const comparisons = [tf.equal, tf.notEqual, tf.greater, tf.greaterEqual, tf.less, tf.lessEqual] as ((
  a: tf.Tensor,
  b: tf.Tensor,
) => tf.Tensor)[];

test('comparisons of floats and integers broadcast as on cpu', () => {
  const few = (shape: readonly number[], seed: number): number[] =>
    [...numbers([...shape], seed)].map((x) => Math.round(2 * x));
  fc.assert(
    fc.property(
      shapes,
      fc.constantFrom(...comparisons),
      fc.constantFrom<'float32' | 'int32'>('float32', 'int32'),
      ([a, b], op, dtype) => {
        expectSame(() => op(tf.tensor(few(a, 1), [...a], dtype), tf.tensor(few(b, 2), [...b], dtype)));
      },
    ),
    { numRuns: 150, seed: 3 },
  );
  const special = [0, -0, 1, Infinity, -Infinity, Number.NaN];
  for (const op of comparisons) {
    expectSame(() => op(tf.tensor2d(special, [6, 1]), tf.tensor1d(special)));
    expectSame(() => op(tf.tensor1d([2 ** 31 - 1, -(2 ** 31), -1], 'int32'), tf.scalar(-1, 'int32')));
    expectSame(() => op(tf.tensor2d(numbers([300, 401], 1), [300, 401]), tf.tensor1d(numbers([401], 2))));
  }
});

test('large binary ops run in threads', () => {
  for (const [a, b] of [
    [
      [300, 401],
      [300, 401],
    ],
    [[300, 401], [401]],
    [
      [300, 1],
      [300, 401],
    ],
    [[], [300, 401]],
    [
      [5, 1, 401],
      [300, 1],
    ],
  ] as number[][][]) {
    expectSame(() => tf.sub(tf.tensor(numbers(a!, 1), a), tf.tensor(numbers(b!, 2), b)));
  }
});

test('other types fall back', () => {
  expectSame(() => tf.add(tf.tensor1d([1, 2, 3], 'int32'), tf.tensor1d([4, 5, 6], 'int32')));
  expectSame(() => tf.mul(tf.tensor1d([1, 2, 3], 'int32'), tf.scalar(1.5)));
  expectSame(() => tf.abs(tf.tensor1d([-1, 2, -3], 'int32')));
});

test('addN', () => {
  for (const count of [1, 2, 5]) {
    expectSame(() => tf.addN(Array.from({ length: count }, (_, i) => tf.tensor2d(numbers([3, 7], i), [3, 7]))));
  }
});

const unaries: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  neg: tf.neg,
  exp: tf.exp,
  log: (x) => tf.log(tf.abs(x)),
  sqrt: (x) => tf.sqrt(tf.abs(x)),
  rsqrt: (x) => tf.rsqrt(tf.abs(x)),
  square: tf.square,
  relu: tf.relu,
  step: (x) => tf.step(x, 0.25),
  tanh: tf.tanh,
  sigmoid: tf.sigmoid,
  erf: tf.erf,
  abs: tf.abs,
  reciprocal: tf.reciprocal,
};

test.each(Object.entries(unaries))('%s of small, large and special numbers', (_, op) => {
  for (const scale of [1e-3, 1, 6, 40, 300]) {
    expectSame(() => op(tf.tensor1d(numbers([203], scale, scale))), 2e-6);
  }
  expectSame(() => op(tf.tensor1d([0, -0, 1, -1, Infinity, -Infinity, NaN, 1e30, -1e30, 1e-30, 88.5, 89, -87])), 2e-6);
  expectSame(() => op(tf.zeros([0, 3])));
  expectSame(() => op(tf.tensor2d(numbers([200, 301], 1), [200, 301])), 2e-6);
});

/** Largest error of `f` relative to `right`, both on [low, high]. */
function relativeError(
  f: (x: tf.Tensor) => tf.Tensor,
  right: (x: number) => number,
  [low, high]: [number, number],
): number {
  const xs = Float32Array.from({ length: 5001 }, (_, i) => low + ((high - low) * i) / 5000);
  const ys = tf.tidy(() => f(tf.tensor1d(xs))).dataSync();
  return xs.reduce((worst, x, i) => Math.max(worst, Math.abs(ys[i]! / right(x) - 1) || 0), 0);
}

test('exp, log and tanh are within 1e-6 relative', () => {
  expect(relativeError(tf.exp, Math.exp, [-86, 88.7])).toBeLessThan(1e-6);
  expect(relativeError(tf.log, Math.log, [1.1, 1000])).toBeLessThan(1e-6);
  expect(relativeError(tf.log, Math.log, [1e-6, 0.9])).toBeLessThan(1e-6);
  expect(relativeError(tf.tanh, Math.tanh, [-8, 8])).toBeLessThan(1e-6);
});

test('casts', () => {
  const values = [0, -0, 1, -1, 2.7, -2.7, 255, 1e6];
  for (const from of ['float32', 'int32', 'bool'] as const) {
    for (const to of ['float32', 'int32', 'bool'] as const) {
      const list =
        from === 'float32' ? values : values.map(Math.trunc).map((x) => (from === 'bool' ? Number(x !== 0) : x));
      expectSame(() => tf.cast(tf.tensor1d(list, from), to));
    }
  }
});

test('where chooses by element', () => {
  const shape: [number, number] = [5, 7];
  const make = (): tf.Tensor[] => [
    tf.greater(tf.tensor2d(numbers(shape, 1), shape), 0),
    tf.tensor2d(numbers(shape, 2), shape),
    tf.tensor2d(numbers(shape, 3), shape),
  ];
  expectSame(() => {
    const [c, a, b] = make();
    return tf.where(c!, a!, b!);
  });
  expectSame(() => {
    const [c, a, b] = make();
    return tf.grads((x, y) => tf.sum(tf.square(tf.where(c!, x!, y!))))([a!, b!]);
  });
});

test('gradients through broadcasting and activations', () => {
  expectSame(() => {
    const grads = tf.grads((a, b) => tf.sum(tf.mul(tf.tanh(tf.add(a!, b!)), tf.sigmoid(tf.relu(a!)))));
    return grads([tf.tensor3d(numbers([2, 3, 5], 1), [2, 3, 5]), tf.tensor2d(numbers([3, 1], 2), [3, 1])]);
  });
});

test('unary kernels leave nothing to tfjs', () => {
  const ops = backend.profile(() => tf.tidy(() => void Object.values(unaries).map((f) => f(tf.ones([4])))));
  expect(ops.filter((op) => op.fallbacks > 0)).toEqual([]);
});
