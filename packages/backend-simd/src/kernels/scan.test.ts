import { test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expectSame, numbers } from '../test-support/both.js';

test('running sums and products along any axis, exclusive and from the end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.boolean(),
      fc.boolean(),
      (shape, at, exclusive, reverse) => {
        const x = (): tf.Tensor => tf.tensor(numbers(shape, 1, 2), shape);
        const axis = at % shape.length;
        expectSame(() => tf.cumsum(x(), axis, exclusive, reverse));
        expectSame(() => tf.cumprod(x(), axis, exclusive, reverse));
        expectSame(() => tf.cumsum(tf.cast(x(), 'int32'), axis, exclusive, reverse));
      },
    ),
    { numRuns: 60, seed: 9 },
  );
  expectSame(() => tf.cumsum(tf.zeros([2, 0, 3]), 1));
  expectSame(() => tf.cumsum(tf.tensor2d(numbers([300, 401], 1), [300, 401]), 0), 1e-4);
  expectSame(() => tf.cumsum(tf.tensor1d([true, false, true], 'bool')));
});

test('the gradient of a running sum', () => {
  expectSame(() => tf.grad((x) => tf.sum(tf.square(tf.cumsum(x, 1))))(tf.tensor2d(numbers([3, 8], 1), [3, 8])));
});
