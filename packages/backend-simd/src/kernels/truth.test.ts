import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { backend, expectSame, numbers } from '../test-support/both.js';

const truths = (shape: number[], seed = 1): tf.Tensor =>
  tf.tensor(
    [...numbers(shape, seed)].map((x) => x > 0),
    shape,
    'bool',
  );

const moves: Record<string, () => tf.Tensor | tf.Tensor[]> = {
  transpose: () => tf.transpose(truths([3, 7])),
  slice: () => tf.slice(truths([5, 7]), [1, 2], [3, 4]),
  concat: () => tf.concat([truths([2, 3]), truths([4, 3], 2)], 0),
  stack: () => tf.stack([truths([2, 3]), truths([2, 3], 2)], 1),
  unstack: () => tf.unstack(truths([3, 5])),
  split: () => tf.split(truths([4, 6]), 3, 1),
  tile: () => tf.tile(truths([2, 3]), [3, 2]),
  pad: () => tf.pad(truths([3]), [[1, 2]], 1),
  gather: () => tf.gather(truths([4, 3]), tf.tensor1d([3, 0, 3], 'int32')),
  reverse: () => tf.reverse(truths([3, 5]), 1),
  'any and all': () => [
    tf.any(truths([3, 5, 4]), [0, 2]),
    tf.all(truths([3, 5]), 1, true),
    tf.all(tf.ones([9], 'bool')),
  ],
};

test.each(Object.entries(moves))('%s of truth values, on the kernels', (_, f) => {
  expectSame(f);
  const ops = backend.profile(() => tf.tidy(() => void f()));
  expect(ops.filter((op) => op.fallbacks > 0)).toEqual([]);
});

test('no truth values at all', () => {
  expectSame(() => tf.transpose(truths([0, 3])));
  expectSame(() => tf.any(truths([2, 0]), 1));
});
