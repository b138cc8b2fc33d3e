import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { backend, expectSame, numbers } from '../test-support/both.js';

const side = fc.integer({ min: 1, max: 4 });
const cases = fc.record({
  B: fc.integer({ min: 1, max: 3 }),
  H: fc.integer({ min: 4, max: 9 }),
  W: fc.integer({ min: 4, max: 9 }),
  C: fc.constantFrom(1, 3, 4, 17, 35),
  size: fc.tuple(side, side),
  strides: fc.tuple(side, side),
  pad: fc.constantFrom('same', 'valid', 0) as fc.Arbitrary<'same'>,
  op: fc.constantFrom(tf.maxPool, tf.avgPool),
});

test('pooling and its gradients', () => {
  fc.assert(
    fc.property(cases, ({ B, H, W, C, size, strides, pad, op }) => {
      const make = (): tf.Tensor4D => tf.tensor4d(numbers([B, H, W, C], 1), [B, H, W, C]);
      expectSame(() => op(make(), size, strides, pad));
      expectSame(() => tf.grad((x) => tf.sum(tf.square(op(x as tf.Tensor4D, size, strides, pad))))(make()), 2e-5);
    }),
    { numRuns: 40, seed: 7 },
  );
});

test('of equal maxima the first one has the gradient, and NaN is skipped', () => {
  const make = (): tf.Tensor4D => tf.tensor4d([1, 1, 1, 1, 1, 2, 2, 1, 1], [1, 3, 3, 1]);
  expectSame(() => tf.grad((x) => tf.sum(tf.maxPool(x as tf.Tensor4D, 2, 1, 'valid')))(make()));
  expectSame(() => tf.maxPool(tf.tensor4d([NaN, 1, 2, 3], [1, 2, 2, 1]), 2, 1, 'valid'));
  expectSame(() => tf.maxPool(tf.tensor4d([], [0, 4, 4, 2]), 2, 2, 'valid'));
});

test('the same bits with one thread and with two', () => {
  const f = (): number[] =>
    tf.tidy(() => {
      const x = tf.tensor4d(numbers([2, 40, 40, 40], 1), [2, 40, 40, 40]);
      return Array.from(
        tf
          .grad((x) => tf.sum(tf.square(tf.avgPool(x as tf.Tensor4D, 3, 1, 'same'))))(x)
          .dataSync(),
      );
    });
  const two = f();
  backend.setThreads(1);
  const one = f();
  backend.setThreads(2);
  expect(one).toEqual(two);
});
