import { flatten, initialize, type Tree, unflatten, valueAndGrads } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readVitConfig } from './config.js';
import { vitForward, vitHiddenStates } from './forward.js';
import { patchEmbed } from './patches.js';
import { type VisionParams, visionSpec } from './spec.js';

const size = { hidden_size: 8, intermediate_size: 12, mlp_ratio: 2, num_hidden_layers: 2, num_attention_heads: 2 };
const configOf = (model_type: string) => readVitConfig({ model_type, ...size, patch_size: 2, image_size: 4 });
const pixels = tf.randomNormal([2, 4, 6, 3], 0, 1, 'float32', 1) as tf.Tensor4D;

test('the patch embedding is a convolution whose stride is its size', () => {
  const weight = tf.randomNormal([5, 3, 2, 2], 0, 1, 'float32', 2);
  const bias = tf.randomNormal([5], 0, 1, 'float32', 3);
  const filter = tf.transpose(weight, [2, 3, 1, 0]) as tf.Tensor4D;
  const expected = tf.add(tf.conv2d(pixels, filter, 2, 'valid'), bias);
  expectClose(patchEmbed({ weight, bias }, pixels), expected, 1e-5);
  checkGradients(
    (w, b, x) => tf.square(patchEmbed({ weight: w!, bias: b! }, x as tf.Tensor4D)),
    [weight, bias, pixels],
  );
});

test.each(['blip_2_vision_model', 'clip', 'siglip', 'dinov2', 'vit'])(
  '%s is differentiable by all it holds',
  (type) => {
    const config = configOf(type);
    const options = { layer: -1, finalNorm: true };
    const spec = visionSpec(config, options);
    const initial: Tree = initialize(spec, 1);
    const paths = Object.keys(flatten(initial));
    // Far from the start, so that finite differences see every part.
    const values = Object.values(flatten(initial)).map((x, i) =>
      tf.add(x, tf.randomNormal(x.shape, 0, 0.3, 'float32', i + 1)),
    );
    const weight = tf.randomNormal([2, config.family === 'siglip' ? 6 : 7, 8], 0, 1, 'float32', 9);
    const fn = (...tensors: tf.Tensor[]): tf.Tensor => {
      const params: Tree = unflatten(spec, Object.fromEntries(paths.map((path, i) => [path, tensors[i] as tf.Tensor])));
      return tf.mul(weight, vitForward(params as VisionParams, config, pixels, options));
    };
    checkGradients(fn, values, { elements: 2, step: 3e-3, tolerance: 2e-2 });
  },
);

test('a small transformer learns, with a gradient for every parameter and nothing left behind', async () => {
  const config = configOf('vit');
  const params: Tree = initialize(visionSpec(config), 1);
  const trainable = flatten(params);
  const target = tf.randomNormal([2, 7, 8], 0, 1, 'float32', 4);
  const loss = () => ({
    total: tf.losses.meanSquaredError(target, vitForward(params as VisionParams, config, pixels)) as tf.Scalar,
  });
  await expectNoLeak(() => {
    const { terms, grads } = valueAndGrads(loss, trainable);
    expect(Object.keys(grads)).toEqual(Object.keys(trainable));
    const stepped = tf.tidy(() =>
      unflatten(
        visionSpec(config),
        Object.fromEntries(
          Object.keys(trainable).map((path) => [path, tf.sub(trainable[path]!, tf.mul(0.1, grads[path]!))]),
        ),
      ),
    ) as VisionParams;
    const after = tf.tidy(() => tf.losses.meanSquaredError(target, vitForward(stepped, config, pixels)).dataSync()[0]!);
    expect(after).toBeLessThan(terms.total.dataSync()[0]!);
    tf.dispose([Object.values(terms), Object.values(grads), Object.values(flatten(stepped as Tree))]);
  });
});

test('hidden states are those that forward gives one at a time', () => {
  const config = configOf('clip');
  const params = initialize(visionSpec(config, { layer: -1 }), 1) as VisionParams;
  const states = vitHiddenStates(params, config, pixels, { layer: -1 });
  expect(states.length).toBe(3);
  for (const [layer, state] of states.entries()) expectClose(vitForward(params, config, pixels, { layer }), state, 0);
  expectClose(vitForward(params, config, pixels), states[1]!, 0);
});

test('what is no image is refused', () => {
  const config = configOf('vit');
  const params = initialize(visionSpec(config), 1) as VisionParams;
  expect(() => vitForward(params, config, tf.zeros([1, 3, 4, 4]))).toThrow('Pixels must be [B,H,W,3]');
  expect(() => vitForward(params, config, tf.zeros([1, 1, 4, 3]))).toThrow('not [1,1,4,3]');
  expect(() => vitForward(params, configOf('dinov2'), pixels)).toThrow("have no 'encoder.layer.0.norm1'");
});
