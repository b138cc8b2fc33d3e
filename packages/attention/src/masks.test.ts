import { expectClose } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { additiveMask, causalMask } from './masks.js';

test('an additive mask has an axis for the heads, whatever the type of the keep mask', () => {
  for (const dtype of ['int32', 'float32', 'bool'] as const) {
    const keys = additiveMask(tf.tensor2d([1, 0, 1, 1, 1, 0], [2, 3], dtype));
    expect(keys.shape).toEqual([2, 1, 1, 3]);
    expectClose(keys, [0, -10000, 0, 0, 0, -10000], 0);
  }
  const pairs = additiveMask(tf.tensor3d([1, 0, 1, 1], [1, 2, 2], 'int32'), -1e9);
  expect(pairs.shape).toEqual([1, 1, 2, 2]);
  expectClose(pairs, [0, -1e9, 0, 0], 0);
});

test('a causal mask lets a query see the past of the cache and itself', () => {
  expectClose(causalMask(3, 3), [0, -10000, -10000, 0, 0, -10000, 0, 0, 0], 0);
  expectClose(causalMask(2, 4, 2, -7), [0, 0, 0, -7, 0, 0, 0, 0], 0);
  expectClose(causalMask(1, 2, 5), [0, 0], 0);
});

test('what is no mask is refused', () => {
  expect(() => additiveMask(tf.ones([3]))).toThrow('[B,L] or [B,Q,L], not [3]');
  expect(() => additiveMask(tf.ones([3, 2]), Number.NEGATIVE_INFINITY)).toThrow('must be finite');
  expect(() => causalMask(1, 2, 0, Number.NaN)).toThrow('must be finite');
});
