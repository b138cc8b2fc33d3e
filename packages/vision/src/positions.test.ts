import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { bicubicWeights, resizePositions } from './positions.js';

test('a row of four is resized to seven as PyTorch does, corners aligned or not', () => {
  const row = tf.tensor2d([1, 2, 4, 8], [4, 1]);
  const grid = { from: [1, 4], to: [1, 7], fixed: 0 } as const;
  const apart = [0.900784, 1.217748, 1.850401, 2.71875, 4.321246, 6.760022, 8.396866];
  expectClose(resizePositions(row, { ...grid, alignCorners: false }), apart, 1e-5);
  expectClose(resizePositions(row, { ...grid, alignCorners: true }), [1, 1.3125, 2, 2.71875, 4, 6.1875, 8], 1e-5);
  const column = { from: [4, 1], to: [7, 1], fixed: 0, alignCorners: false } as const;
  expectClose(resizePositions(row, column), apart, 1e-5);
});

test('the weights of an offset of a quarter are those of a = -0.75, and every row sums to 1', () => {
  const [, row] = bicubicWeights(4, 2, false); // samples at 0.5 and 2.5: halves
  expectClose(row!, [0, -0.09375, 0.59375, 0.5], 1e-6); // the border's sample counts twice: 0.59375 - 0.09375
  const quarter = bicubicWeights(8, 16, false)[5]!; // (5 + 0.5) / 2 - 0.5 = 2.25
  expectClose(quarter.slice(1, 5), [-0.10546875, 0.87890625, 0.26171875, -0.03515625], 1e-12);
  for (const weights of [
    ...bicubicWeights(16, 26, false),
    ...bicubicWeights(5, 3, true),
    ...bicubicWeights(3, 1, true),
  ]) {
    expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
  }
});

test('a rectangular grid is resized along each axis by itself, and the class token stays', async () => {
  const positions = tf.randomNormal([1 + 6, 2], 0, 1, 'float32', 1) as tf.Tensor2D;
  const options = { from: [2, 3], to: [3, 5], fixed: 1, alignCorners: false } as const;
  const resized = resizePositions(positions, options);
  expect(resized.shape).toEqual([16, 2]);
  expectClose(tf.slice(resized, [0, 0], [1, 2]), tf.slice(positions, [0, 0], [1, 2]), 0);
  const [vertical, horizontal] = [tf.tensor2d(bicubicWeights(2, 3, false)), tf.tensor2d(bicubicWeights(3, 5, false))];
  const plane = tf.reshape(tf.slice(positions, [1, 0], [6, 1]), [2, 3]) as tf.Tensor2D;
  const expected = tf.matMul(tf.matMul(vertical, plane), horizontal, false, true);
  expectClose(tf.slice(resized, [1, 0], [15, 1]), expected, 1e-6);
  expectClose(resizePositions(positions, { ...options, to: [2, 3] }), positions, 0);
  await expectNoLeak(() => resizePositions(positions, options).dispose());
  const weight = tf.randomNormal([16, 2], 0, 1, 'float32', 2);
  checkGradients((x) => tf.mul(weight, resizePositions(x as tf.Tensor2D, options)), [positions], { tolerance: 2e-3 });
});
