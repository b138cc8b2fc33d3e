import { checkGradients } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { expectSame, numbers } from '../test-support/both.js';

const make = (shape: [number, number, number, number]): tf.Tensor4D => tf.tensor4d(numbers(shape, 1), shape);

test.each([
  [[5, 7], [10, 3], 3],
  [[4, 4], [9, 9], 6],
  [[8, 6], [1, 1], 1],
  [[3, 1], [7, 5], 4],
] as [[number, number], [number, number], number][])('resize %j to %j', ([H, W], size, C) => {
  for (const [corners, centers] of [
    [false, false],
    [true, false],
    [false, true],
  ] as [boolean, boolean][]) {
    expectSame(() => tf.image.resizeBilinear(make([2, H, W, C]), size, corners, centers));
    expectSame(() => tf.image.resizeNearestNeighbor(make([2, H, W, C]), size, corners, centers));
    checkGradients(
      (x) => tf.square(tf.image.resizeBilinear(x as tf.Tensor4D, size, corners, centers)),
      [make([1, H, W, C])],
    );
  }
});

test('many images run in threads, none at all are left to tfjs', () => {
  expectSame(() => tf.image.resizeBilinear(make([3, 40, 50, 3]), [97, 81], false, true));
  expect(tf.tidy(() => tf.image.resizeBilinear(tf.tensor4d([], [0, 4, 4, 3]), [2, 2]).shape)).toEqual([0, 2, 2, 3]);
});
