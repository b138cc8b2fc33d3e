import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tokenizer } from '@blip2/data';
import { type LanguageModel, optConfig, optLanguageModel, optSpec } from '@blip2/llm';
import { type Flat, initialize, type WeightSource } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { compose, type Parts, stage1Params } from './compose.js';
import type { Stage1Batch } from './stages/stage1.js';
import type { Stage2Batch } from './stages/stage2.js';
import { normFeatures } from './stages/vision-norm.js';
import { type Stage1TrainOptions, type Stage2TrainOptions, trainStage1, trainStage2 } from './train.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const [B, N, D] = [3, 4, 6];
const tokenizer = { vocabSize: 20, special: { bos: 1, pad: 0 } } as Tokenizer;
const qformer = {
  layers: 1,
  hiddenSize: 8,
  heads: 2,
  intermediateSize: 8,
  queries: 2,
  projectionSize: 4,
  maxPositions: 5,
};
const vision = { width: D, encode: () => tf.zeros([1, N, D]) as tf.Tensor3D };
const composed = (language?: LanguageModel): Promise<Parts> =>
  compose({ vision, text: { tokenizer }, qformer, ...(language && { language: { ...language, tokenizer } }) });

const features = (seed: number): tf.Tensor3D => tf.randomNormal([B, N, D], 3, 2, 'float32', seed) as tf.Tensor3D;
const data = ({ position }: { position: number }): Stage1Batch => ({
  features: features(position + 1),
  imageIds: tf.range(0, B, 1, 'int32'),
  ids: tf.tensor2d(new Array(B).fill([2, 5 + position, 7]), [B, 3], 'int32'),
  mask: tf.ones([B, 3], 'int32'),
});

/** Trains and gives the losses and the parameters afterwards, as plain numbers. */
async function trained(parts: Parts, options: Omit<Stage1TrainOptions, 'data'>) {
  const losses: number[][] = [];
  for await (const step of trainStage1(parts, { data, ...options })) {
    const { total, itc, itm, itg }: Record<'total' | 'itc' | 'itm' | 'itg', number> = step.losses;
    expect(total).toBeCloseTo(itc + itm + itg, 4);
    losses.push([itc, itm, itg]);
  }
  const values = (flat: Flat) => Object.fromEntries(Object.entries(flat).map(([path, x]) => [path, [...x.dataSync()]]));
  return { losses, values: values(parts.stage1) };
}

test('features are standardized if asked, over the first batch or a given sample, and no tensor is left', async () => {
  const still = { steps: 1, learningRate: 1e-9, minLearningRate: 1e-10, warmupSteps: 1 };
  let samples = 0;
  const sample = async () => {
    samples++;
    return features(9);
  };
  for (const [option, seed] of [
    [undefined, undefined],
    [false, undefined],
    [true, 1],
    [sample, 9],
  ] as const) {
    await expectNoLeak(async () => {
      using parts = await composed();
      await trained(parts, { ...still, ...(option === undefined ? {} : { standardizeVision: option }) });
      const { weight, bias } = stage1Params(parts).vision_model.post_layernorm;
      if (seed === undefined) {
        expectClose(weight, new Float32Array(D).fill(1), 1e-6);
        expectClose(bias, new Float32Array(D), 1e-6);
        return;
      }
      tf.tidy(() => {
        const { mean, variance } = tf.moments(normFeatures(stage1Params(parts), features(seed)), [0, 1]);
        expectClose(mean, new Float32Array(D), 1e-5);
        expectClose(variance, new Float32Array(D).fill(1), 1e-2);
      });
    });
  }
  expect(samples).toBe(1);
});

test('negative texts are of ITC alone, and GradCache refuses them', async () => {
  const still = { steps: 1, learningRate: 1e-9, minLearningRate: 1e-10, warmupSteps: 1 };
  const more = (at: { position: number }): Stage1Batch => ({
    ...data(at),
    negativeIds: tf.tensor2d([9, 8, 3, 4, 11, 12], [3, 2], 'int32'),
    negativeMask: tf.ones([3, 2], 'int32'),
  });
  const first = async (options: Partial<Stage1TrainOptions>) => {
    using parts = await composed();
    for await (const { losses } of trainStage1(parts, { data, ...still, ...options })) return losses;
    throw new Error('There was no step.');
  };
  await expectNoLeak(async () => {
    const [plain, with3] = [await first({}), await first({ data: more })];
    expect(with3.itc).toBeGreaterThan(plain.itc + 0.1);
    expect([with3.itm, with3.itg]).toEqual([plain.itm, plain.itg]);
  });
  await expect(first({ data: more, gradCache: true })).rejects.toThrow('without gradCache');
});

test('a run that is resumed goes on as if it had not stopped, standardized or not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stage1-'));
  const run = (options: object) => ({ steps: 4, warmupSteps: 1, standardizeVision: true, ...options });
  const trainer = { checkpoint: { dir: folder, every: 2 } };
  try {
    using whole = await composed();
    using first = await composed();
    using second = await composed();
    const expected = await trained(whole, run({}));
    await trained(first, run({ until: 2, trainer }));
    const resumed = await trained(second, run({ trainer: { ...trainer, resume: true } }));
    expect(resumed.losses).toEqual(expected.losses.slice(2));
    expect(resumed.values).toEqual(expected.values);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** What was trained, as a file of weights. */
const sourceOf = (flat: Flat): WeightSource => ({
  origin: 'trained',
  names: new Map(Object.entries(flat).map(([name, { shape }]) => [name, { shape, dtype: 'F32' }])),
  read: async (name) => (flat[name] as tf.Tensor).dataSync<'float32'>().slice(),
  close: async () => {},
});

test('parts that start from a trained model have its weights and sizes, and its loss at the first step', async () => {
  using first = await composed();
  await trained(first, { steps: 3, warmupSteps: 1 });
  const stage1 = { config: first.config, weights: sourceOf(first.stage1) };
  await expectNoLeak(async () => {
    using again = await compose({ vision, text: { tokenizer }, initial: { stage1 }, qformer: { dropout: 0.1 } });
    for (const [path, tensor] of Object.entries(first.stage1)) expectClose(again.stage1[path] as tf.Tensor, tensor, 0);
    expect(again.config).toEqual(first.config);
    const next = { steps: 1, learningRate: 1e-30, minLearningRate: 0, warmupSteps: 1 };
    expect((await trained(again, next)).losses).toEqual((await trained(first, next)).losses);
  });
  const wrong = { ...stage1, weights: sourceOf({ ...first.stage1, temp: tf.zeros([2]) }) };
  await expectNoLeak(async () => {
    await expect(compose({ vision, text: { tokenizer }, initial: { stage1: wrong } })).rejects.toThrow('temp [2]');
    await expect(
      compose({ vision, text: { tokenizer }, qformer, initial: { stage1, stage2: stage1 } }),
    ).rejects.toThrow('Stage 2 needs a language model');
    await expect(
      compose({ vision, text: { tokenizer }, qformer: { heads: 4, layers: 2 }, initial: { stage1 } }),
    ).rejects.toThrow('cannot start from trained, whose Q-Former has layers 1 instead of 2, heads 2 instead of 4;');
  });
});

test('a retrieval model without a captioning head and a temperature gets new ones', async () => {
  using first = await composed();
  const kept = Object.entries(first.stage1).filter(([path]) => path !== 'temp' && !path.startsWith('cls.'));
  const published = { config: first.config, weights: sourceOf(Object.fromEntries(kept)) };
  await expectNoLeak(async () => {
    using again = await compose({ vision, text: { tokenizer }, initial: { stage1: published } });
    expect(Object.keys(again.stage1).sort()).toEqual(Object.keys(first.stage1).sort());
    for (const [path, tensor] of kept) expectClose(again.stage1[path] as tf.Tensor, tensor, 0);
    expect((again.stage1.temp as tf.Tensor).dataSync()[0]).toBeCloseTo(0.07, 6);
    const next = { steps: 1, learningRate: 1e-30, minLearningRate: 0, warmupSteps: 1 };
    expect((await trained(again, next)).losses[0]![2]).toBeGreaterThan(0);
  });
});

const opt = optConfig({ vocab_size: 20, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2, ffn_dim: 8 });
const stage2Batch = (texts: boolean): Stage2Batch => ({
  features: features(1),
  ...(texts && {
    texts: {
      imageIndex: tf.tensor1d([0, 2], 'int32'),
      promptIds: tf.ones([2, 1], 'int32'),
      promptMask: tf.ones([2, 1], 'int32'),
      targetIds: tf.tensor2d([[5, 2]].concat([[6, 2]]), [2, 2], 'int32'),
      targetMask: tf.ones([2, 2], 'int32'),
    },
  }),
});

test('stage 2 needs no phrases, and refuses a language model whose predict is asynchronous', async () => {
  using language = Object.assign(optLanguageModel(initialize(optSpec(opt), 1), opt), {
    [Symbol.dispose]: () => language.dispose(),
  });
  await expectNoLeak(async () => {
    using parts = await composed(language);
    for await (const { losses } of trainStage2(parts, { steps: 2, data: () => stage2Batch(true) })) {
      expect(losses.lm).toBeCloseTo(losses.total);
      expect(losses.phrases).toBeUndefined();
    }
    const run = async (own: Parts, options: object) => {
      for await (const _ of trainStage2(own, { steps: 1, data: () => stage2Batch(false), ...options })) break;
    };
    await expect(run(parts, {})).rejects.toThrow('needs phraseIds and phraseMask');
    await expect(run(parts, { data: () => stage2Batch(true), phraseWeight: 1 })).rejects.toThrow('needs phraseIds');
    const predict = (async () => Promise.reject(new Error('elsewhere'))) as unknown as LanguageModel['predict'];
    using remote = await composed({ ...language, predict });
    await expect(run(remote, { data: () => stage2Batch(true) })).rejects.toThrow(
      "The language model's predict returned a promise",
    );
  });
});

test('targets count by their weights', async () => {
  using language = Object.assign(optLanguageModel(initialize(optSpec(opt), 1), opt), {
    [Symbol.dispose]: () => language.dispose(),
  });
  const lossOf = async (weightOf: ((place: number) => number) | undefined): Promise<number> => {
    using parts = await composed(language);
    const batch = (): Stage2Batch => {
      const { texts, ...images } = stage2Batch(true);
      const [B, T] = texts!.targetIds.shape;
      const row = Array.from({ length: T }, (_, place) => weightOf?.(place) ?? 1);
      const targetWeights = weightOf && tf.tensor2d(Array.from({ length: B }, () => row));
      return { ...images, texts: { ...texts!, ...(targetWeights && { targetWeights }) } };
    };
    for await (const { losses } of trainStage2(parts, { steps: 1, data: batch })) return losses.lm ?? Number.NaN;
    return Number.NaN;
  };
  await expectNoLeak(async () => {
    const all = await lossOf(undefined);
    expect(await lossOf(() => 1)).toBeCloseTo(all, 6);
    expect(await lossOf(() => 0)).toBe(0);
    const [first, rest] = [
      await lossOf((place) => (place === 0 ? 1 : 0)),
      await lossOf((place) => (place === 0 ? 0 : 1)),
    ];
    expect(Math.min(first, rest)).toBeLessThan(all);
    expect(Math.max(first, rest)).toBeGreaterThan(all);
  });
});

test('held-out tokens do not compete with targets and phrases', async () => {
  using language = Object.assign(optLanguageModel(initialize(optSpec(opt), 1), opt), {
    [Symbol.dispose]: () => language.dispose(),
  });
  const lossesOf = async (
    heldOut: number | undefined,
    options: Pick<Stage2TrainOptions, 'heldOutWeight' | 'heldOutMargin'> = {},
  ): Promise<Record<string, number>> => {
    using parts = await composed(language);
    const batch = (): Stage2Batch => {
      const { texts, ...images } = stage2Batch(true);
      const heldOutIds = texts && tf.fill<tf.Rank.R2>(texts.targetIds.shape, heldOut ?? -1, 'int32');
      return {
        ...images,
        phraseIds: tf.tensor3d([[[7, 9]], [[7, 9]], [[7, 9]]], undefined, 'int32'),
        phraseMask: tf.ones([3, 1, 2], 'int32'),
        ...(heldOut !== undefined && { phraseHeldOutIds: tf.fill<tf.Rank.R2>([3, 1], heldOut, 'int32') }),
        ...(texts && { texts: { ...texts, ...(heldOutIds && { heldOutIds }) } }),
      };
    };
    const given = { steps: 1, data: batch, phraseWeight: 1, ...options };
    for await (const { losses } of trainStage2(parts, given)) return losses;
    return {};
  };
  await expectNoLeak(async () => {
    const all = await lossesOf(undefined);
    const none = await lossesOf(-1);
    expect(none.lm).toBeCloseTo(all.lm ?? Number.NaN, 6);
    expect(none.phrases).toBeCloseTo(all.phrases ?? Number.NaN, 6);
    const without = await lossesOf(11);
    expect(without.lm).toBeLessThan(all.lm ?? Number.NaN);
    expect(without.phrases).toBeLessThan(all.phrases ?? Number.NaN);
    const kept = await lossesOf(11, { heldOutWeight: 0.5, heldOutMargin: -10 });
    expect(kept.lm).toBeGreaterThan(without.lm ?? Number.NaN);
    expect(kept.phrases).toBeCloseTo(without.phrases ?? Number.NaN, 6);
    expect((await lossesOf(11, { heldOutWeight: 0.5, heldOutMargin: 100 })).lm).toBeCloseTo(
      without.lm ?? Number.NaN,
      6,
    );
    // a target itself that is held out is as good as impossible
    expect((await lossesOf(5)).lm).toBeGreaterThan(1e6);
  });
});
