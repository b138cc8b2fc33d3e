import { readFileSync } from 'node:fs';
import { expectClose, fixture } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { loadEfficientNetLite } from '../examples/efficientnet-lite.js';
import { encodePixels } from './encoder.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

test("an encoder of one's own: a small EfficientNet-Lite gives what PyTorch gives", async () => {
  const { size, shape, values } = JSON.parse(readFileSync(fixture('torch/efficientnet.json'), 'utf8'));
  const [height, width] = size as [number, number];
  const before = tf.memory().numTensors;
  const encoder = await loadEfficientNetLite(fixture('torch/efficientnet.pth'));
  const pixels = tf.tensor4d(
    Float32Array.from({ length: height * width * 3 }, (_, i) => Math.sin(0.37 * i)),
    [1, height, width, 3],
  );
  const features = await encodePixels(encoder, pixels);
  const [, h, w, D] = shape as [number, number, number, number];
  expect([encoder.width, features.shape]).toEqual([D, [1, h * w, D]]);
  expectClose(features, Float32Array.from(values), 1e-4);
  tf.dispose([pixels, features]);
  encoder.dispose();
  expect(tf.memory().numTensors).toBe(before);
});
