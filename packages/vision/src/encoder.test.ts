import { initialise, linear, linearSpec } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readVitConfig } from './config.js';
import { type VisionEncoder, visionEncoder } from './encoder.js';
import { type VisionParams, visionSpec } from './spec.js';

test('a small convolutional network is a vision encoder as an object literal', async () => {
  const filter = tf.randomNormal([3, 3, 3, 16], 0, 0.2, 'float32', 1) as tf.Tensor4D;
  const head = initialise({ ...linearSpec(16, 24) }, 1);
  const mine: VisionEncoder = {
    width: 24,
    encode: (pixels) =>
      tf.tidy(() => {
        const maps = tf.relu(tf.conv2d(pixels, filter, 2, 'same')); // [B,h,w,16]
        const [B, h, w] = maps.shape;
        return linear(head, tf.reshape(maps, [B, h * w, 16])) as tf.Tensor3D; // [B,N,24]
      }),
  };
  const pixels = tf.randomNormal([2, 8, 8, 3], 0, 1, 'float32', 2) as tf.Tensor4D;
  const features = mine.encode(pixels);
  expect(features.shape).toEqual([2, 16, mine.width]);
  await expectNoLeak(() => mine.encode(pixels).dispose());
  mine.dispose?.();
});

const config = readVitConfig({
  model_type: 'vit',
  hidden_size: 8,
  intermediate_size: 8,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  patch_size: 2,
  image_size: 4,
});
const pixels = tf.ones([1, 4, 4, 3]) as tf.Tensor4D;

test('a frozen encoder puts nothing on the tape', () => {
  using encoder = visionEncoder(initialise(visionSpec(config), 1) as VisionParams, config);
  let inside = 0;
  const gradient = tf.grad((w) => {
    const before = tf.memory().numTensors;
    const features = encoder.encode(pixels);
    inside = tf.memory().numTensors - before;
    return tf.sum(tf.mul(features, w));
  })(tf.ones([8]));
  expect(inside).toBe(1);
  expect(gradient.shape).toEqual([8]);
  expect(() => tf.grad((x) => tf.sum(encoder.encode(x as tf.Tensor4D)))(pixels)).toThrow('differentiate vitForward');
});

test('an encoder frees its parameters when it is disposed of', async () => {
  await expectNoLeak(() => {
    using encoder = visionEncoder(initialise(visionSpec(config), 1) as VisionParams, config);
    encoder.encode(pixels).dispose();
  });
});
