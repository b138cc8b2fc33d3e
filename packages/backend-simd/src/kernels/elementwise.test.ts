import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expectSame, numbers, relativeError } from '../test-support/both.js';

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

test('arithmetic of integers, which wraps', () => {
  const a = [1, -2, 3, 2 ** 31 - 1, -(2 ** 31), 40_000];
  const b = [4, 5, -6, 1, -1, 40_000];
  for (const op of [tf.add, tf.sub, tf.mul, tf.maximum, tf.minimum]) {
    expectSame(() => op(tf.tensor1d(a, 'int32'), tf.tensor1d(b, 'int32')));
    expectSame(() => op(tf.tensor2d(a, [6, 1], 'int32'), tf.tensor1d(b, 'int32')));
    expectSame(() => op(tf.tensor1d(a, 'int32'), tf.scalar(-3, 'int32')));
  }
});

test('logic of truth values broadcasts as on cpu', () => {
  const truths = (shape: readonly number[], seed: number): tf.Tensor =>
    tf.tensor(
      [...numbers([...shape], seed)].map((x) => x > 0),
      [...shape],
      'bool',
    );
  fc.assert(
    fc.property(shapes, fc.constantFrom(tf.logicalAnd, tf.logicalOr), ([a, b], op) => {
      expectSame(() => op(truths(a, 1), truths(b, 2)));
    }),
    { numRuns: 60, seed: 4 },
  );
  for (const shape of [[], [0, 3], [5, 7], [33]]) expectSame(() => tf.logicalNot(truths(shape, 1)));
});

test('powers, those of negative numbers and special ones too', () => {
  const special = [
    0,
    1,
    -1,
    2,
    -2,
    0.5,
    -0.5,
    3,
    -3,
    65,
    -65,
    1e-20,
    1e20,
    -1e20,
    Infinity,
    -Infinity,
    NaN,
    2.5,
    1e-40,
  ];
  const n = special.length;
  expectSame(() => tf.pow(tf.tensor2d(special, [n, 1]), tf.tensor1d(special)), 1e-6);
  for (const exponent of [2, 3, 0.5, -1.5, 10]) {
    expectSame(() => tf.pow(tf.tensor1d(numbers([203], 1, 30)), exponent), 1e-6);
  }
  expect(
    relativeError(
      (x) => tf.pow(x, 2.75),
      (x) => x ** 2.75,
      [1e-3, 1e9],
    ),
  ).toBeLessThan(2e-7);
  expectSame(() => {
    const grads = tf.grads((a, b) => tf.sum(tf.pow(a!, b!)));
    return grads([tf.tensor1d([0.5, 2, 3, 7]), tf.tensor1d([2, 0.5, -1, 3])]);
  });
});

test('prelu, and the gradients of the relatives of relu', () => {
  const x = (): tf.Tensor => tf.tensor2d(numbers([9, 14], 1, 4), [9, 14]);
  expectSame(() => tf.prelu(x(), tf.tensor1d(numbers([14], 2))));
  const ops = [tf.elu, tf.selu, tf.relu6, tf.softplus, tf.sin, tf.cos, tf.log1p, (x) => tf.leakyRelu(x, 0.1)] as ((
    x: tf.Tensor,
  ) => tf.Tensor)[];
  for (const op of ops) expectSame(() => tf.grad((x) => tf.sum(tf.square(op(tf.abs(x)))))(x()));
  for (const op of [tf.elu, tf.selu, tf.relu6]) expectSame(() => tf.grad((x) => tf.sum(tf.square(op(x))))(x()));
  expectSame(() => tf.grad((x) => tf.sum(tf.square(tf.clipByValue(x, -1, 2))))(x()));
});

test('other types fall back', () => {
  expectSame(() => tf.mul(tf.tensor1d([1, 2, 3], 'int32'), tf.scalar(1.5)));
  expectSame(() => tf.abs(tf.tensor1d([-1, 2, -3], 'int32')));
});

test('addN', () => {
  for (const count of [1, 2, 5]) {
    expectSame(() => tf.addN(Array.from({ length: count }, (_, i) => tf.tensor2d(numbers([3, 7], i), [3, 7]))));
  }
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
