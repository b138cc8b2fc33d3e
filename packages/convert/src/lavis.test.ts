import { qformerConfig } from '@blip2/qformer';
import { type DerivedTensor, derivedSource, hash, rng, sizeOf, specLeaves, type WeightSource } from '@blip2/tensor';
import { stage1Spec, stage2Spec } from '@blip2/training';
import { readVisionConfig, visionSpec } from '@blip2/vision';
import { expect, test } from '@jest/globals';
import { lavisLanguage, lavisSource, toLavisSource } from './lavis.js';

type Shapes = Record<string, readonly number[]>;

/** Random values, the same for a name at any time. */
function sourceOf(shapes: Shapes): WeightSource {
  const tensors = new Map<string, DerivedTensor>();
  for (const [name, shape] of Object.entries(shapes)) {
    const random = rng(hash(1, name));
    const read = async () => Float32Array.from({ length: sizeOf(shape) }, () => random() - 0.5);
    const values = read();
    tensors.set(name, { shape, dtype: 'F32', read: async () => (await values).slice() });
  }
  return derivedSource({ origin: 'memory', close: async () => undefined }, tensors);
}

const namesOnly = (shapes: Shapes): WeightSource =>
  derivedSource(
    { origin: 'names', close: async () => undefined },
    new Map(
      Object.entries(shapes).map(([name, shape]) => [name, { shape, dtype: 'F32', read: () => Promise.reject() }]),
    ),
  );

const shapesOf = ({ names }: WeightSource): Shapes =>
  Object.fromEntries([...names].map(([name, { shape }]) => [name, [...shape]]));

const count = (shapes: Shapes): number => Object.values(shapes).reduce((sum, shape) => sum + sizeOf(shape), 0);

interface Sizes {
  readonly D: number;
  readonly F: number;
  readonly tokens: number;
  readonly patch: number;
  readonly blocks: number;
}

/** EVA as LAVIS' `eva_vit.py` names it. */
function evaNames({ D, F, tokens, patch, blocks }: Sizes, prefix = 'visual_encoder.'): Shapes {
  const made: Shapes = {
    cls_token: [1, 1, D],
    pos_embed: [1, tokens, D],
    'patch_embed.proj.weight': [D, 3, patch, patch],
    'patch_embed.proj.bias': [D],
  };
  for (let i = 0; i < blocks; i++) {
    const block: Shapes = {
      'norm1.weight': [D],
      'norm1.bias': [D],
      'attn.q_bias': [D],
      'attn.v_bias': [D],
      'attn.qkv.weight': [3 * D, D],
      'attn.proj.weight': [D, D],
      'attn.proj.bias': [D],
      'norm2.weight': [D],
      'norm2.bias': [D],
      'mlp.fc1.weight': [F, D],
      'mlp.fc1.bias': [F],
      'mlp.fc2.weight': [D, F],
      'mlp.fc2.bias': [D],
    };
    for (const [name, shape] of Object.entries(block)) made[`blocks.${i}.${name}`] = shape;
  }
  return Object.fromEntries(Object.entries(made).map(([name, shape]) => [prefix + name, shape]));
}

/** A Q-Former as LAVIS' `Qformer.py` names it, every second layer with cross-attention. */
function qformerNames(
  c: { W: number; I: number; Dv: number; layers: number; queries: number },
  text?: { V: number },
): Shapes {
  const { W, I, Dv } = c;
  const made: Shapes = { query_tokens: [1, c.queries, W], 'ln_vision.weight': [Dv], 'ln_vision.bias': [Dv] };
  const dense = (name: string, input: number, output: number): void => {
    made[`${name}.weight`] = [output, input];
    made[`${name}.bias`] = [output];
  };
  const norm = (name: string): void => {
    made[`${name}.weight`] = [W];
    made[`${name}.bias`] = [W];
  };
  norm('Qformer.bert.embeddings.LayerNorm');
  for (let j = 0; j < c.layers; j++) {
    const layer = `Qformer.bert.encoder.layer.${j}`;
    for (const [kind, width] of [
      ['attention', W] as const,
      ...(j % 2 === 0 ? [['crossattention', Dv] as const] : []),
    ]) {
      dense(`${layer}.${kind}.self.query`, W, W);
      dense(`${layer}.${kind}.self.key`, width, W);
      dense(`${layer}.${kind}.self.value`, width, W);
      dense(`${layer}.${kind}.output.dense`, W, W);
      norm(`${layer}.${kind}.output.LayerNorm`);
    }
    for (const branch of text ? ['', '_query'] : ['_query']) {
      dense(`${layer}.intermediate${branch}.dense`, W, I);
      dense(`${layer}.output${branch}.dense`, I, W);
      norm(`${layer}.output${branch}.LayerNorm`);
    }
  }
  return made;
}

function stage1Names(sizes: { W: number; V: number; T: number; E: number }): Shapes {
  const { W, V, T, E } = sizes;
  return {
    'Qformer.bert.embeddings.word_embeddings.weight': [V, W],
    'Qformer.bert.embeddings.position_embeddings.weight': [T, W],
    'Qformer.cls.predictions.bias': [V],
    'Qformer.cls.predictions.transform.dense.weight': [W, W],
    'Qformer.cls.predictions.transform.dense.bias': [W],
    'Qformer.cls.predictions.transform.LayerNorm.weight': [W],
    'Qformer.cls.predictions.transform.LayerNorm.bias': [W],
    'vision_proj.weight': [E, W],
    'vision_proj.bias': [E],
    'text_proj.weight': [E, W],
    'text_proj.bias': [E],
    'itm_head.weight': [2, W],
    'itm_head.bias': [2],
    temp: [],
  };
}

const full = { W: 768, I: 3072, Dv: 1408, layers: 12, queries: 32 };
const V = 30523;
const eva = evaNames({ D: 1408, F: 6144, tokens: 257, patch: 14, blocks: 39 });
const stage1 = { ...qformerNames(full, { V }), ...stage1Names({ W: 768, V, T: 512, E: 256 }) };
/** What checkpoints hold besides parameters. */
const copies: Shapes = {
  'Qformer.bert.embeddings.position_ids': [1, 512],
  'Qformer.cls.predictions.decoder.weight': [V, 768],
  'Qformer.cls.predictions.decoder.bias': [V],
};
const trueVision = readVisionConfig({ model_type: 'blip-2', vision_config: {} });

function specShapes(entries: Parameters<typeof specLeaves>[0], prefix = ''): Shapes {
  return Object.fromEntries(specLeaves(entries).map(([path, { shape }]) => [prefix + path, [...shape]]));
}

test('the published stage 1: names and shapes of LAVIS, those of the specs, and back', () => {
  const lavis = { ...eva, ...stage1 };
  const seen = lavisSource(namesOnly({ ...lavis, ...copies }));
  const config = qformerConfig({ vocab_size: V });
  expect(shapesOf(seen)).toEqual({
    ...specShapes(visionSpec(trueVision), 'vision_model.'),
    ...specShapes(stage1Spec(config)),
  });
  expect(shapesOf(toLavisSource(seen))).toEqual(lavis);
  expect(count(eva)).toBe(985_894_528);
  expect(count(stage1)).toBe(186_705_470);
});

test.each([
  ['opt', 'opt_proj', 2560, 107_133_696],
  ['t5', 't5_proj', 2048, 106_739_968],
] as const)('the published stage 2 with %s, of the query path alone', (language, projection, width, trainable) => {
  const lavis: Shapes = {
    ...qformerNames(full),
    [`${projection}.weight`]: [width, 768],
    [`${projection}.bias`]: [width],
  };
  const source = namesOnly(lavis);
  expect(lavisLanguage(source)).toBe(language);
  const seen = lavisSource(source);
  expect(shapesOf(seen)).toEqual(specShapes(stage2Spec(qformerConfig(), width)));
  expect(shapesOf(toLavisSource(seen, { language }))).toEqual(lavis);
  expect(count(lavis)).toBe(trainable);
});

test('the values of every tensor are the same after the way there and back', async () => {
  const small = { W: 8, I: 12, Dv: 6, layers: 3, queries: 4 };
  const lavis = sourceOf({
    ...evaNames({ D: 6, F: 10, tokens: 5, patch: 2, blocks: 2 }),
    ...qformerNames(small, { V: 9 }),
    ...stage1Names({ W: 8, V: 9, T: 5, E: 4 }),
    'opt_proj.weight': [5, 8],
    'opt_proj.bias': [5],
    'opt_model.model.decoder.embed_tokens.weight': [7, 5],
  });
  const seen = lavisSource(lavis);
  const again = toLavisSource(seen);
  expect([...again.names.keys()].sort()).toEqual([...lavis.names.keys()].sort());
  for (const name of lavis.names.keys()) expect([name, await again.read(name)]).toEqual([name, await lavis.read(name)]);
  const bias = await seen.read('vision_model.encoder.layers.1.self_attn.qkv.bias');
  expect([...bias.subarray(6, 12)]).toEqual(new Array(6).fill(0));
  await expect(seen.read('Qformer.bert.embeddings.LayerNorm.weight')).rejects.toThrow(/no tensor/);
});
