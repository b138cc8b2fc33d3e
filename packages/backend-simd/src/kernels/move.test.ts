import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expectSame, numbers } from '../test-support/both.js';

const shape = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
const make = (shape: readonly number[], seed = 1): tf.Tensor => tf.tensor(numbers(shape, seed), [...shape]);
const ints = (shape: readonly number[]): tf.Tensor =>
  tf.tensor(numbers(shape, 1, 100).map(Math.trunc), [...shape], 'int32');

test('transpose by any permutation', () => {
  fc.assert(
    fc.property(
      shape.chain((s) =>
        fc.tuple(
          fc.constant(s),
          fc.shuffledSubarray(
            s.map((_, i) => i),
            { minLength: s.length },
          ),
        ),
      ),
      ([s, perm]) => {
        expectSame(() => [tf.transpose(make(s), perm), tf.transpose(ints(s), perm)], 0);
      },
    ),
    { numRuns: 80, seed: 5 },
  );
  for (const [s, perm] of [
    [
      [4, 33, 6, 16],
      [0, 2, 1, 3],
    ],
    [
      [250, 333],
      [1, 0],
    ],
    [
      [7, 60, 70],
      [0, 2, 1],
    ],
    [
      [0, 3],
      [1, 0],
    ],
  ] as number[][][]) {
    expectSame(() => tf.transpose(make(s!), perm), 0);
  }
  expectSame(() => tf.transpose(tf.tensor2d([1, 0, 1, 1, 0, 0], [2, 3], 'bool')), 0);
});

test('slice, pad, tile and reverse of what cpu gives', () => {
  fc.assert(
    fc.property(shape, fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 8, maxLength: 8 }), (s, cuts) => {
      const begin = s.map((n, i) => Math.min(cuts[i]!, n - 1));
      const size = s.map((n, i) => Math.max(0, n - begin[i]! - cuts[i + 4]!));
      const paddings = s.map((_, i) => [cuts[i]!, cuts[i + 4]!] as [number, number]);
      const reps = s.map((_, i) => cuts[i]!);
      expectSame(
        () => [
          tf.slice(make(s), begin, size),
          tf.pad(make(s), paddings, 2.5),
          tf.tile(make(s), reps),
          tf.slice(ints(s), begin, size),
        ],
        0,
      );
    }),
    { numRuns: 60, seed: 6 },
  );
});

test('concat, stack and split along any axis', () => {
  fc.assert(
    fc.property(
      shape,
      fc.nat(3),
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
      (s, which, sizes) => {
        const axis = which % s.length;
        expectSame(() => {
          const parts = sizes.map((n, i) => make(s.with(axis, n), i));
          const whole = tf.concat(parts, axis);
          return [whole, ...tf.split(whole, sizes, axis), tf.stack([make(s), make(s, 2)], axis)];
        }, 0);
      },
    ),
    { numRuns: 60, seed: 7 },
  );
});

test('gather and its gradient, with repeated indices', () => {
  for (const axis of [0, 1, 2]) {
    expectSame(() => {
      const ids = tf.tensor2d(
        [
          [1, 0, 1],
          [3, 3, 2],
        ],
        [2, 3],
        'int32',
      );
      return [
        tf.gather(make([4, 5, 6]), ids, axis),
        tf.gather(ints([4, 5, 6]), ids, axis),
        tf.grad((x) => tf.sum(tf.square(tf.gather(x, ids, axis))))(make([4, 5, 6])),
      ];
    });
  }
  expect(() => tf.gather(make([4, 2]), tf.tensor1d([4], 'int32'))).toThrow('4 is not in');
  expectSame(() => tf.unsortedSegmentSum(make([5, 130]), tf.tensor1d([2, 0, 2, 7, -1], 'int32'), 4));
  expectSame(() => tf.grad((x) => tf.sum(tf.square(tf.gather(x, tf.tensor1d([7, 7, 1], 'int32')))))(make([300, 300])));
});

test('one-hot, fill, zeros and ones', () => {
  expectSame(() => [
    tf.oneHot(
      tf.tensor2d(
        [
          [0, 2],
          [5, -1],
        ],
        [2, 2],
        'int32',
      ),
      4,
      0.9,
      0.1,
      'float32',
    ),
    tf.oneHot(tf.tensor1d([1, 2], 'int32'), 3),
    tf.fill([3, 5], 1.5),
    tf.fill([3], 7, 'int32'),
    tf.zerosLike(make([2, 3])),
    tf.onesLike(ints([2, 3])),
    tf.onesLike(tf.tensor1d([0, 1], 'bool')),
    tf.zerosLike(tf.zeros([0])),
  ]);
});

test('reshapes share their data until the last one goes', () => {
  const x = make([4, 6]);
  const y = tf.reshape(x, [24]);
  const z = tf.expandDims(tf.squeeze(y), 0);
  x.dispose();
  y.dispose();
  expect(Array.from(z.dataSync())).toEqual(Array.from(numbers([4, 6], 1)));
  z.dispose();
});
