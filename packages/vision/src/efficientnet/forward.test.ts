import { flatten, initialize, type Spec, type Tree, unflatten, valueAndGrads } from '@blip2/tensor';
import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readVisionConfig } from '../config.js';
import { visionTokens } from '../sizes.js';
import type { EfficientNetConfig } from './config.js';
import { efficientNetForward, stageMaps } from './forward.js';
import { efficientNetSpec, type NetworkParams, type NetworkPlan, networkSpec } from './network.js';
import { depthwiseRelu6, relu6 } from './relu6.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

/** The narrowest network, all stages there. */
const configOf = (json: object): EfficientNetConfig =>
  readVisionConfig({ model_type: 'efficientnet_lite', width_coefficient: 0.1, ...json }) as EfficientNetConfig;
const small = configOf({ image_size: 48 });
const params = initialize(efficientNetSpec(small) as Spec, 1) as unknown as NetworkParams;
const pixels = tf.randomNormal([2, 48, 40, 3], 0, 1, 'float32', 1) as tf.Tensor4D;

test('ReLU6 and the depthwise convolution before it have the gradients of their parts', async () => {
  const x = tf.randomNormal([2, 7, 6, 3], 2, 3, 'float32', 2) as tf.Tensor4D;
  const filter = tf.randomNormal([5, 5, 3, 1], 0, 1, 'float32', 3) as tf.Tensor4D;
  const bias = tf.randomNormal([3], 0, 1, 'float32', 4) as tf.Tensor1D;
  const weight = tf.randomNormal([2, 7, 6, 3], 0, 1, 'float32', 5);
  expectClose(tf.grad((x) => tf.mul(weight, relu6(x)))(x), tf.grad((x) => tf.mul(weight, tf.relu6(x)))(x), 0);
  for (const options of [
    { stride: 1, dilation: 1 },
    { stride: 2, dilation: 1 },
    { stride: 1, dilation: 2 },
    { stride: 1, dilation: 3 },
  ]) {
    const fused = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
      depthwiseRelu6(x as tf.Tensor4D, { filter: filter as tf.Tensor4D, bias: bias as tf.Tensor1D }, options);
    const composed = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor): tf.Tensor => {
      const { stride, dilation } = options;
      const y = tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, 'same', 'NHWC', dilation);
      return tf.relu6(tf.add(y, bias));
    };
    expectClose(fused(x, filter, bias), composed(x, filter, bias), 1e-5);
    if (options.dilation > 1) {
      // tfjs has no gradients of a dilated convolution to compare with
      const small = [tf.mul(x, 0.2), tf.mul(filter, 0.1), tf.add(tf.abs(bias), 2)]; // inside ReLU6, whose ends have no gradient
      checkGradients((x, w, b) => tf.mul(weight, fused(x!, w!, b!)), small, { elements: 60 });
      await expectNoLeak(() => tf.dispose(tf.grads((x, w, b) => fused(x!, w!, b!))(small)));
      continue;
    }
    const by = (f: typeof fused) => tf.grads((x, w, b) => tf.square(f(x!, w!, b!)))([x, filter, bias]);
    for (const [i, grad] of by(fused).entries()) expectClose(grad, by(composed)[i]!, 1e-3);
  }
});

test('a network is differentiable by all it holds', () => {
  const block = { input: 3, inner: 6, output: 3, kernel: 3, stride: 1, dilation: 1 };
  const plan: NetworkPlan = {
    stem: 3,
    blocks: [
      { ...block, stage: 1, inner: 3 },
      { ...block, stage: 2, output: 4, stride: 2 },
    ],
  };
  const spec = networkSpec(plan) as Spec;
  const flat = flatten(initialize(spec, 2) as Tree);
  const paths = Object.keys(flat);
  // Far from the ends of ReLU6, where finite differences see no gradient of either side.
  const values = paths.map((path, i) =>
    path.endsWith('bias')
      ? tf.fill(flat[path]!.shape, 2.5)
      : tf.randomNormal(flat[path]!.shape, 0, 0.1, 'float32', i + 1),
  );
  const image = tf.randomUniform([2, 8, 6, 3], -1, 1, 'float32', 3) as tf.Tensor4D;
  const weight = tf.randomNormal([2, 2, 2, 4], 0, 1, 'float32', 9);
  const fn = (...tensors: tf.Tensor[]): tf.Tensor => {
    const tree = unflatten(spec, Object.fromEntries(paths.map((path, i) => [path, tensors[i]!])));
    return tf.mul(weight, stageMaps(tree as unknown as NetworkParams, plan, image).at(-1)!);
  };
  checkGradients(fn, values, { elements: 6, step: 1e-2, tolerance: 1e-2 });
});

test('an image of any size gives a vector for each place of the last map', () => {
  expect(efficientNetForward(params, small, pixels).shape).toEqual([2, 4, 32]);
  expect(visionTokens(small)).toBe(4);
  expect(visionTokens(configOf({ image_size: [112, 65] }))).toBe(4 * 3);
  expect(efficientNetForward(params, small, tf.zeros([1, 112, 65, 3])).shape).toEqual([1, 12, 32]);
  expect(efficientNetForward(params, small, tf.zeros([1, 1, 1, 3])).shape).toEqual([1, 1, 32]);
  expect(() => efficientNetForward(params, small, tf.zeros([1, 3, 4, 4]))).toThrow('Pixels must be [B,H,W,3]');
});

test('without its last stride the network sees the same at every other place', () => {
  const dense = { ...small, outputStride: 16 as const };
  expect(visionTokens(dense)).toBe(9);
  const image = tf.randomNormal([2, 48, 48, 3], 0, 1, 'float32', 1) as tf.Tensor4D;
  const all = tf.reshape(efficientNetForward(params, dense, image), [2, 3, 3, 32]);
  const other = tf.gather(tf.gather(all, [0, 2], 1), [0, 2], 2);
  expectClose(tf.reshape(other, [2, 4, 32]), efficientNetForward(params, small, image), 1e-5);
});

test('earlier maps are averaged to the places of the last, and positions come behind', () => {
  const config = { ...small, outputStages: [5, 7], positionChannels: 4 };
  const features = efficientNetForward(params, config, pixels);
  expect(features.shape).toEqual([2, 4, 16 + 32 + 4]);
  expectClose(tf.slice(features, [0, 0, 16], [2, 4, 32]), efficientNetForward(params, small, pixels), 0);
  const fifth = efficientNetForward(params, { ...small, outputStages: [5] }, pixels); // 3x3 places
  expectClose(tf.slice(features, [0, 3, 0], [2, 1, 16]), tf.slice(fifth, [0, 8, 0], [2, 1, 16]), 1e-6);
  const [first, second] = tf.unstack(tf.slice(features, [0, 0, 48], [2, 4, 4]));
  expectClose(first!, second!, 0); // the same in every image
});

test('frozen stages give the same, without gradients, and nothing is left behind', async () => {
  const flat = flatten(params as unknown as Tree);
  const paths = Object.keys(flat);
  const spec = efficientNetSpec(small) as Spec;
  const run = (frozenStages: number) =>
    valueAndGrads(() => {
      const tree = unflatten(spec, flat) as unknown as NetworkParams;
      return { total: tf.sum(tf.square(efficientNetForward(tree, small, pixels, { frozenStages }))) as tf.Scalar };
    }, flat);
  await expectNoLeak(() => {
    const [whole, part] = [run(0), run(2)];
    expectClose(part.terms.total, whole.terms.total, 0);
    expect(Object.keys(whole.grads)).toEqual(paths);
    expect(Object.keys(part.grads)).toEqual(paths.filter((path) => !/^(stem|blocks\.[012])\./.test(path)));
    for (const [path, grad] of Object.entries(part.grads)) expectClose(grad, whole.grads[path]!, 1e-5);
    tf.dispose([whole, part] as unknown as tf.TensorContainer);
  });
  expect(() => efficientNetForward(params, { ...small, outputStages: [1, 7] }, pixels, { frozenStages: 2 })).toThrow(
    'Stage 1 gives features',
  );
});
