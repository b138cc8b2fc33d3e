import { flatten, initialize, linear, linearSpec, unflatten } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readVitConfig } from './config.js';
import { encodePixels, type TrainableVisionEncoder, type VisionEncoder, visionEncoder } from './encoder.js';
import { type VisionParams, visionSpec } from './spec.js';

test('a small convolutional network is a vision encoder as an object literal', async () => {
  const filter = tf.randomNormal([3, 3, 3, 16], 0, 0.2, 'float32', 1) as tf.Tensor4D;
  const head = initialize({ ...linearSpec(16, 24) }, 1);
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
  const features = await encodePixels(mine, pixels);
  expect(features.shape).toEqual([2, 16, mine.width]);
  await expectNoLeak(async () => (await encodePixels(mine, pixels)).dispose());
  mine.dispose?.();
});

const average = (x: tf.Tensor4D): tf.Tensor3D => tf.reshape(tf.avgPool(x, 2, 2, 'valid'), [x.shape[0], -1, 3]);

test('what an encoder without tf.tidy creates is disposed, and what a promise still needs is not', async () => {
  const pixels = tf.randomNormal([2, 4, 4, 3], 0, 1, 'float32', 2) as tf.Tensor4D;
  const encoders: VisionEncoder[] = [
    { width: 3, encode: average },
    {
      width: 3,
      encode: async (pixels) => {
        const doubled = tf.mul(pixels, 2); // used after the promise has been waited for
        await new Promise((resolve) => setTimeout(resolve, 1));
        return tf.tidy(() => tf.mul(average(doubled as tf.Tensor4D), 0.5) as tf.Tensor3D);
      },
    },
  ];
  const expected = average(pixels);
  for (const [left, encoder] of encoders.entries()) {
    await expectNoLeak(async () => {
      const features = await encodePixels(encoder, pixels);
      expectClose(features, expected, 1e-6);
      features.dispose();
    }, left); // the asynchronous one has a tensor of its own
  }
});

test.each([
  ['another width', () => tf.zeros([2, 4, 5]), 'features [2,4,5] for 2 images; encode must give [B,N,3]'],
  ['no sequence', () => tf.zeros([2, 3]), 'features [2,3] for 2 images'],
  ['a promise of another batch', async () => tf.zeros([1, 4, 3]), 'features [1,4,3] for 2 images'],
] as const)('features of %s are refused and freed', async (_, encode, message) => {
  const pixels = tf.zeros([2, 4, 4, 3]) as tf.Tensor4D;
  await expectNoLeak(async () => {
    const encoder = { width: 3, encode: encode as VisionEncoder['encode'] };
    await expect(encodePixels(encoder, pixels)).rejects.toThrow(message);
  });
  const failing = { width: 3, encode: () => average(tf.zeros([1]) as unknown as tf.Tensor4D) };
  await expectNoLeak(() => expect(encodePixels(failing, pixels)).rejects.toThrow());
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
  using encoder = visionEncoder(initialize(visionSpec(config), 1) as VisionParams, config);
  let inside = 0;
  const gradient = tf.grad((w) => {
    const before = tf.memory().numTensors;
    const features = encoder.encode(pixels);
    inside = tf.memory().numTensors - before;
    return tf.sum(tf.mul(features, w));
  })(tf.ones([8]));
  expect(inside).toBe(1);
  expect(gradient.shape).toEqual([8]);
  expect(() => tf.grad((x) => tf.sum(encoder.encode(x as tf.Tensor4D)))(pixels)).toThrow('differentiate forward');
});

test('an encoder frees its parameters when it is disposed of', async () => {
  await expectNoLeak(() => {
    using encoder = visionEncoder(initialize(visionSpec(config), 1) as VisionParams, config);
    encoder.encode(pixels).dispose();
  });
});

test('a vision transformer is a trainable encoder: forward is differentiable by its parameters and by the pixels', async () => {
  using encoder = visionEncoder(initialize(visionSpec(config), 1) as VisionParams, config);
  const trainable: TrainableVisionEncoder<VisionParams> = encoder;
  const { params, width } = trainable;
  const paths = Object.keys(flatten(params));
  const values = Object.values(flatten(params)).map((x, i) =>
    tf.add(x, tf.randomNormal(x.shape, 0, 0.3, 'float32', i + 1)),
  );
  const x = tf.randomNormal([1, 4, 4, 3], 0, 1, 'float32', 1) as tf.Tensor4D;
  const weight = tf.randomNormal([1, 5, width], 0, 1, 'float32', 9);
  checkGradients(
    (pixels, ...tensors) => {
      const own = unflatten(encoder.spec, Object.fromEntries(paths.map((path, i) => [path, tensors[i] as tf.Tensor])));
      return tf.mul(weight, trainable.forward(own as VisionParams, pixels as tf.Tensor4D, { training: true, seed: 1 }));
    },
    [x, ...values],
    { elements: 2, step: 3e-3, tolerance: 2e-2 },
  );
  expectClose(trainable.forward(params, x), encoder.encode(x), 0);
  await expectNoLeak(() => trainable.forward(params, x).dispose());
});
