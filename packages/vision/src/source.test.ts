import {
  dispose,
  flatten,
  hash,
  initialize,
  rng,
  sizeOf,
  specLeaves,
  type Tree,
  type WeightSource,
} from '@blip2/tensor';
import { expectClose } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readVitConfig, type VitConfig } from './config.js';
import { visionEncoder } from './encoder.js';
import { lavisFamily, lavisVisionSource, toLavisVisionSource } from './lavis.js';
import { loadFinalNorm, loadVisionEncoder } from './load.js';
import { type VisionParams, visionSpec } from './spec.js';

type Arrays = Record<string, { shape: number[]; values: Float32Array }>;

const sourceOf = (arrays: Arrays): WeightSource => ({
  origin: 'memory',
  names: new Map(Object.entries(arrays).map(([name, { shape }]) => [name, { shape, dtype: 'F32' }])),
  read: async (name) => arrays[name]!.values,
  close: async () => undefined,
});

const size = { hidden_size: 8, intermediate_size: 12, num_hidden_layers: 2, num_attention_heads: 2, patch_size: 2 };
const eva = readVitConfig({ model_type: 'blip_2_vision_model', ...size, image_size: 4 });
const clip = readVitConfig({ model_type: 'clip_vision_model', ...size, image_size: 4 });
const pixels = tf.randomNormal([2, 4, 4, 3], 0, 1, 'float32', 1) as tf.Tensor4D;

/** Random values for every parameter, the norms and biases too. */
function randomArrays(config: VitConfig): Arrays {
  return Object.fromEntries(
    specLeaves(visionSpec(config, { layer: -1, finalNorm: true })).map(([path, { shape }]) => {
      const random = rng(hash(1, path));
      return [path, { shape: [...shape], values: Float32Array.from({ length: sizeOf(shape) }, () => random() - 0.5) }];
    }),
  );
}

const concat = (...parts: Float32Array[]): Float32Array => Float32Array.from(parts.flatMap((part) => [...part]));

/** `qkv.bias` taken apart as early uploads and LAVIS have it, with zeros for the keys in the whole. */
function withSplitBias(arrays: Arrays): { whole: Arrays; split: Arrays } {
  const [whole, split]: [Arrays, Arrays] = [{ ...arrays }, { ...arrays }];
  for (const [name, { values }] of Object.entries(arrays)) {
    if (!name.endsWith('qkv.bias')) continue;
    const third = values.length / 3;
    const [query, value] = [values.slice(0, third), values.slice(2 * third)];
    whole[name] = { shape: [values.length], values: concat(query, new Float32Array(third), value) };
    delete split[name];
    split[name.replace('qkv.bias', 'q_bias')] = { shape: [third], values: query };
    split[name.replace('qkv.bias', 'v_bias')] = { shape: [third], values: value };
  }
  return { whole, split };
}

const renamed = (arrays: Arrays, rules: [RegExp, string][]): Arrays =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [
      rules.reduce((own, [from, to]) => own.replace(from, to), name),
      array,
    ]),
  );

test('prefixed and bare names, and early q_bias and v_bias, load the same encoder', async () => {
  const { whole, split } = withSplitBias(randomArrays(eva));
  using encoder = await loadVisionEncoder(sourceOf(whole), eva);
  const expected = encoder.encode(pixels);
  const prefixed = renamed(split, [[/^/, 'vision_model.']]);
  using early = await loadVisionEncoder(
    sourceOf({ ...prefixed, query_tokens: { shape: [1], values: Float32Array.of(0) } }),
    eva,
  );
  expectClose(early.encode(pixels), expected, 0);
  using given = await loadVisionEncoder(sourceOf(renamed(split, [[/^/, 'my.']])), eva, { prefix: 'my.' });
  expectClose(given.encode(pixels), expected, 0);
});

test('a LAVIS checkpoint of EVA loads as the same encoder and norm', async () => {
  const { whole, split } = withSplitBias(randomArrays(eva));
  const lavis = renamed(split, [
    [/^embeddings\.class_embedding/, 'visual_encoder.cls_token'],
    [/^embeddings\.position_embedding/, 'visual_encoder.pos_embed'],
    [/^embeddings\.patch_embedding/, 'visual_encoder.patch_embed.proj'],
    [/^encoder\.layers/, 'visual_encoder.blocks'],
    [/layer_norm([12])/, 'norm$1'],
    [/self_attn\.projection/, 'attn.proj'],
    [/self_attn/, 'attn'],
    [/^post_layernorm/, 'ln_vision'],
  ]);
  const source = lavisVisionSource(sourceOf({ ...lavis, temp: { shape: [], values: Float32Array.of(1) } }), 'eva');
  using expected = await loadVisionEncoder(sourceOf(whole), eva);
  using encoder = await loadVisionEncoder(source, eva);
  expectClose(encoder.encode(pixels), expected.encode(pixels), 0);
  const norm = await loadFinalNorm(source, eva);
  expectClose(norm.weight, whole['post_layernorm.weight']!.values, 0);
  dispose(norm);
});

test('a LAVIS checkpoint of CLIP, whose projections are fused, loads as the same encoder', async () => {
  const arrays = randomArrays(clip);
  const lavis = renamed(arrays, [
    [/^embeddings\.position_embedding\.weight/, 'visual_encoder.positional_embedding'],
    [/^embeddings\.class_embedding/, 'visual_encoder.class_embedding'],
    [/^embeddings\.patch_embedding/, 'visual_encoder.conv1'],
    [/^pre_layrnorm/, 'visual_encoder.ln_pre'],
    [/^encoder\.layers/, 'visual_encoder.transformer.resblocks'],
    [/layer_norm([12])/, 'ln_$1'],
    [/self_attn\.out_proj/, 'attn.out_proj'],
    [/mlp\.fc1/, 'mlp.c_fc'],
    [/mlp\.fc2/, 'mlp.c_proj'],
    [/^post_layernorm/, 'ln_vision'],
  ]);
  for (let i = 0; i < clip.layers; i++) {
    for (const kind of ['weight', 'bias']) {
      const stem = `visual_encoder.transformer.resblocks.${i}`;
      const parts = ['q', 'k', 'v'].map((letter) => `${stem}.self_attn.${letter}_proj.${kind}`);
      const values = concat(...parts.map((part) => lavis[part]!.values));
      for (const part of parts) delete lavis[part];
      lavis[`${stem}.attn.in_proj_${kind}`] = { shape: kind === 'weight' ? [24, 8] : [24], values };
    }
  }
  using expected = await loadVisionEncoder(sourceOf(arrays), clip, { layer: -1 });
  const config = { ...clip, alignCorners: true };
  using encoder = await loadVisionEncoder(lavisVisionSource(sourceOf(lavis), 'clip'), config, { layer: -1 });
  expectClose(encoder.encode(pixels), expected.encode(pixels), 0);
});

test('positions stored for another resolution are taken as they are and resized at use', async () => {
  const arrays = randomArrays(eva);
  using encoder = await loadVisionEncoder(sourceOf(arrays), { ...eva, imageSize: [8, 8] });
  expect(encoder.config.imageSize).toEqual([4, 4]);
  const larger = tf.randomNormal([1, 9, 6, 3], 0, 1, 'float32', 2) as tf.Tensor4D;
  const features = encoder.encode(larger);
  expect(features.shape).toEqual([1, 1 + 4 * 3, 8]);
  expectClose(features, encoder.encode(tf.slice(larger, [0, 0, 0, 0], [1, 8, 6, 3])), 0); // an unfilled patch is not seen
});

test('an initialized encoder is what its spec says', () => {
  const params: Tree = initialize(visionSpec(eva), 1);
  using encoder = visionEncoder(params as VisionParams, eva);
  expect(encoder.encode(pixels).shape).toEqual([2, 5, 8]);
  const weight = flatten(params)['encoder.layers.1.mlp.fc2.weight']!;
  expect(tf.max(tf.abs(weight)).dataSync()[0]).toBeLessThanOrEqual(0.02);
});

const same = async (a: WeightSource, b: WeightSource): Promise<void> => {
  const told = ({ names }: WeightSource) => [...names].map(([name, { shape }]) => `${name} [${shape}]`).sort();
  expect(told(a)).toEqual(told(b));
  for (const name of a.names.keys()) expect([name, await a.read(name)]).toEqual([name, await b.read(name)]);
};

test.each([
  ['eva', eva, 'visual_encoder.blocks.1.attn.q_bias'],
  ['clip', clip, 'visual_encoder.transformer.resblocks.1.attn.in_proj_weight'],
] as const)(
  '%s is the same after the way to names of LAVIS and back, and there again',
  async (family, config, name) => {
    const own = sourceOf(withSplitBias(randomArrays(config)).whole);
    const lavis = toLavisVisionSource(own, family);
    expect(lavis.names.has(name)).toBe(true);
    expect(lavisFamily(lavis)).toBe(family);
    await same(lavisVisionSource(lavis, family), own);
    await same(toLavisVisionSource(lavisVisionSource(lavis, family), family), lavis);
  },
);

test("an encoder's own file has bare names, a head, and a block too many", async () => {
  const deep: VitConfig = { ...eva, layers: 40, hiddenSize: 2, heads: 1, intermediateSize: 2 };
  const { split } = withSplitBias(randomArrays(deep));
  const { whole } = withSplitBias(randomArrays({ ...deep, layers: 39 }));
  const lavis = toLavisVisionSource(sourceOf(withSplitBias(randomArrays(deep)).whole), 'eva');
  const bare = [...lavis.names]
    .filter(([name]) => !name.startsWith('ln_vision'))
    .map(([name, info]) => [name.slice(15), info] as const);
  expect(Object.keys(split).some((name) => name.includes('.39.'))).toBe(true);
  const file: WeightSource = {
    ...sourceOf({}),
    names: new Map([
      ...bare,
      ['head.weight', { shape: [10, 2], dtype: 'F32' }],
      ['norm.weight', { shape: [2], dtype: 'F32' }],
    ]),
    read: (name) => lavis.read(`visual_encoder.${name}`),
  };
  expect(lavisFamily(file)).toBe('eva');
  const { 'post_layernorm.weight': _, 'post_layernorm.bias': __, ...blocks } = whole;
  await same(lavisVisionSource(file, 'eva'), sourceOf(blocks));
});
