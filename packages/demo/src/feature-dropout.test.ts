import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { featureDropout } from './feature-dropout.js';

const ones = {
  length: 1000,
  gather: async (indices: readonly number[]) => tf.ones([indices.length, 2, 50]) as tf.Tensor3D,
  close: async () => {},
};

test('whole channels of an image are zeroed at the rate, and the mean is kept', async () => {
  const { numTensors } = tf.memory();
  const dropping = featureDropout(ones, { rate: 0.2, seed: 1 });
  const dropped = await dropping.gather(Array.from({ length: 200 }, (_, i) => i));
  const [first, second] = tf.tidy(() => tf.unstack(dropped, 1).map((place) => place.dataSync()));
  expect(first).toEqual(second);
  expect(new Set(first)).toEqual(new Set([0, Math.fround(1 / (1 - 0.2))]));
  expect(tf.tidy(() => tf.mean(dropped).dataSync()[0])).toBeCloseTo(1, 1);
  dropped.dispose();
  expect(tf.memory().numTensors).toBe(numTensors);
});

test('equal images give equal features, other images and seeds others', async () => {
  const values = async (seed: number, indices: number[]) => {
    const dropped = await featureDropout(ones, { rate: 0.5, seed }).gather(indices);
    return dropped.dataSync().toString();
  };
  expect(await values(1, [3, 4])).toBe(await values(1, [3, 4]));
  expect(await values(1, [3, 4])).not.toBe(await values(1, [4, 3]));
  expect(await values(1, [3, 4])).not.toBe(await values(2, [3, 4]));
});
