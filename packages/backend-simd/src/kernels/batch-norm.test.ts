import { test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { expectSame, numbers } from '../test-support/both.js';

const make = (shape: number[]): tf.Tensor[] => {
  const C = [shape.at(-1)!];
  const vectors = [1, 2, 3, 4].map((seed) => tf.tensor1d(numbers(C, seed)));
  return [tf.tensor(numbers(shape, 5), shape), vectors[0]!, tf.square(vectors[1]!), vectors[2]!, vectors[3]!];
};

test.each([[[3, 5, 4, 7]], [[2, 33]], [[100, 20, 10, 16]]])('batch norm of %j and its gradients', (shape) => {
  expectSame(() => {
    const [x, mean, variance, offset, scale] = make(shape) as [
      tf.Tensor,
      tf.Tensor1D,
      tf.Tensor1D,
      tf.Tensor1D,
      tf.Tensor1D,
    ];
    return [tf.batchNorm(x, mean, variance, offset, scale, 1e-3), tf.batchNorm(x, mean, variance)];
  });
  if (shape.length < 4 || shape[0] === 100) return;
  expectSame(() => {
    const f = tf.grads((x, m, v, o, s) =>
      tf.sum(tf.square(tf.batchNorm(x!, m as tf.Tensor1D, v as tf.Tensor1D, o as tf.Tensor1D, s as tf.Tensor1D))),
    );
    return f(make(shape));
  }, 1e-4);
});

test('moments for every element, of unequal sizes, and no rows', () => {
  expectSame(() => {
    const [x] = make([3, 5, 7, 11]);
    const offset = tf.tensor4d(numbers([1, 1, 1, 11], 3), [1, 1, 1, 11]);
    return [tf.batchNorm(x!, x!, tf.square(x!)), tf.batchNorm(x!, x!, tf.square(x!), offset)];
  });
  expectSame(() => tf.batchNorm(tf.tensor2d([], [0, 3]), tf.tensor1d([1, 2, 3]), tf.tensor1d([1, 2, 3])));
});
