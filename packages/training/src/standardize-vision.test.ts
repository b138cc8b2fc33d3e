import { expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { normFeatures } from './stages/vision-norm.js';
import { standardizeVision } from './standardize-vision.js';

test('the norm that it begins gives each channel mean 0 and deviation 1', async () => {
  const shared = tf.randomNormal([1, 1, 16], 0, 5, 'float32', 1);
  const features = tf.add(shared, tf.randomNormal([8, 10, 16], 0, 0.5, 'float32', 2)) as tf.Tensor3D;
  const stage1 = {
    'vision_model.post_layernorm.weight': tf.ones([16]),
    'vision_model.post_layernorm.bias': tf.zeros([16]),
  };
  await expectNoLeak(() => {
    standardizeVision({ stage1 }, features);
    tf.tidy(() => {
      const weight = stage1['vision_model.post_layernorm.weight'];
      const bias = stage1['vision_model.post_layernorm.bias'];
      const out = normFeatures({ vision_model: { post_layernorm: { weight, bias } } }, features);
      const { mean, variance } = tf.moments(out, [0, 1]);
      expect(Math.max(...tf.abs(mean).dataSync())).toBeLessThan(1e-4);
      for (const value of variance.dataSync()) expect(value).toBeCloseTo(1, 0);
    });
  });
  expect(() => standardizeVision({ stage1: {} }, features)).toThrow(/compose the parts first/);
});
