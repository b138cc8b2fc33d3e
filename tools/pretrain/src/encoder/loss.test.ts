import { checkGradients } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { identityLoss } from './loss.js';
import { NONE } from './paint.js';

const [B, M, N, D, E] = [2, 2, 4, 5, 3];
const features = tf.randomNormal([B, N, D], 0, 1, 'float32', 1) as tf.Tensor3D;
const head = { center: tf.randomNormal([D], 0, 0.3, 'float32', 2), emoji: tf.randomNormal([E, D], 0, 1, 'float32', 3) };
const shares = tf.fill([B, M, N], 1 / N) as tf.Tensor3D;
const labels = (values: number[]) => tf.tensor1d(values, 'int32');
const value = (of: number[], f = features): number =>
  identityLoss(head, f, { shares, labels: labels(of) }).total.dataSync()[0] as number;

test('a drawing that is not there counts for nothing', () => {
  expect(value([NONE, 1, 2, NONE])).toBeCloseTo(value([1, NONE, NONE, 2]), 5);
  expect(value([0, NONE, NONE, 2])).not.toBeCloseTo(value([1, NONE, NONE, 2]), 2);
});

test('it is least where features point from the middle to their emoji, however long they are', () => {
  const towards = (emoji: number[], length: number): tf.Tensor3D => {
    const rows = tf.add(head.center, tf.mul(length, tf.gather(head.emoji, labels(emoji)))); // [B,D]
    return tf.tile(tf.expandDims(rows, 1), [1, N, 1]) as tf.Tensor3D;
  };
  const right = value([1, NONE, 2, NONE], towards([1, 2], 1));
  expect(right).toBeCloseTo(value([1, NONE, 2, NONE], towards([1, 2], 7)), 4);
  expect(right).toBeLessThan(value([1, NONE, 2, NONE], towards([2, 1], 1)));
});

test('gradients', () => {
  const of = labels([0, NONE, 2, 1]);
  checkGradients(
    (f, center, emoji) =>
      identityLoss({ center: center!, emoji: emoji! }, f as tf.Tensor3D, { shares, labels: of }).total,
    [features, head.center, head.emoji],
    { step: 3e-3, tolerance: 2e-2 },
  );
});
