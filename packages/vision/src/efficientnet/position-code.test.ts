import { expectClose } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { positionCode } from './position-code.js';

test('every place has its own code, of rows and columns apart', () => {
  const code = positionCode([3, 5], 32);
  expect(code.shape).toEqual([15, 32]);
  const rows = tf.reshape(code, [3, 5, 32]);
  const [down, across] = tf.split(rows, 2, 2) as [tf.Tensor3D, tf.Tensor3D];
  expectClose(tf.slice(down, [1, 0, 0], [1, 1, 16]), tf.slice(down, [1, 4, 0], [1, 1, 16]), 0);
  expectClose(tf.slice(across, [0, 2, 0], [1, 1, 16]), tf.slice(across, [2, 2, 0], [1, 1, 16]), 0);
  const distances = tf.add(tf.norm(tf.sub(tf.expandDims(code, 0), tf.expandDims(code, 1)), 2, -1), tf.eye(15));
  expect(tf.min(distances).dataSync()[0]).toBeGreaterThan(0.5);
});

test('a place has the code of where it is in the image, whatever the grid', () => {
  const middle = tf.slice(positionCode([3, 3], 8), [4, 0], [1, 8]);
  expectClose(middle, tf.slice(positionCode([5, 1], 8), [2, 0], [1, 8]), 1e-6);
  expect(positionCode([2, 2], 4).shape).toEqual([4, 4]);
});
