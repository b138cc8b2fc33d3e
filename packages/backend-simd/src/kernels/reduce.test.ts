import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expectSame, numbers } from '../test-support/both.js';

const ops = [tf.sum, tf.mean, tf.max, tf.min, tf.prod] as ((
  x: tf.Tensor,
  axis?: number[],
  keep?: boolean,
) => tf.Tensor)[];

test('reductions over any axes equal the cpu kernels', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      fc.boolean(),
      fc.constantFrom(...ops),
      (shape, chosen, keep, op) => {
        const axes = shape.map((_, i) => i).filter((i) => chosen[i]);
        expectSame(() => op(tf.tensor(numbers(shape, 1), shape), axes, keep), 1e-4);
      },
    ),
    { numRuns: 100, seed: 3 },
  );
});

test('empty tensors and integers', () => {
  expectSame(() => tf.sum(tf.zeros([0, 3]), 0));
  expectSame(() => tf.sum(tf.tensor1d([1, 2, 3], 'int32')));
});

test('a long sum is exact to single precision', () => {
  const n = 300_001;
  const x = numbers([n], 1).map((v) => v + 1);
  const right = x.reduce((sum, v) => sum + v, 0);
  const [sum] = tf.tidy(() => tf.sum(tf.tensor1d(x))).dataSync();
  expect(Math.abs(sum! / right - 1)).toBeLessThan(1e-6);
});
