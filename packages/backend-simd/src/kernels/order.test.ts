import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { backend, expectSame, numbers } from '../test-support/both.js';

test('argMax and argMin along any axis; the first of equals counts', () => {
  for (const op of [tf.argMax, tf.argMin]) {
    expectSame(() => op(tf.tensor2d(numbers([6, 33], 1), [6, 33]), -1));
    expectSame(() => op(tf.tensor2d(numbers([6, 33], 1), [6, 33]), 0));
    expectSame(() => op(tf.tensor3d(numbers([3, 7, 5], 1), [3, 7, 5]), 1));
    expectSame(() => op(tf.tensor3d([2, 2, 1, 1, 3, 3], [1, 3, 2]), -2));
    expectSame(() => op(tf.tensor1d([3, 1, 2], 'int32')));
  }
});

test('the k largest, equal ones in their order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 11, maxLength: 11 }), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.integer({ min: 1, max: 11 }),
      (rows, k) => {
        expectSame(() => {
          const { values, indices } = tf.topk(tf.tensor2d(rows), k);
          return [values, indices];
        });
      },
    ),
    { numRuns: 60, seed: 8 },
  );
  for (const k of [1, 40, 300]) {
    expectSame(() => {
      const { values, indices } = tf.topk(tf.tensor3d(numbers([2, 3, 1003], 1), [2, 3, 1003]), k);
      return [values, indices];
    });
  }
  expectSame(() => tf.topk(tf.tensor1d([3, 1, 2], 'int32'), 2).values);
});

test('a short list of the best runs on the kernel', () => {
  const ops = backend.profile(() => tf.tidy(() => void tf.topk(tf.tensor1d([1, 3, 2]), 2)));
  expect(ops.find((op) => op.name === 'TopK')).toMatchObject({ fallbacks: 0 });
});
