import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tokenizer } from '@blip2/data';
import { optConfig, optLanguageModel, optSpec, type SyncLanguageModel } from '@blip2/llm';
import { type Flat, initialize } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { adaptedLanguage } from './adapters.js';
import { compose, type Parts } from './compose.js';
import { type Stage2TrainOptions, trainStage2 } from './train.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const opt = optConfig({ vocab_size: 20, hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, ffn_dim: 8 });
const newLanguage = (): SyncLanguageModel => optLanguageModel(initialize(optSpec({ ...opt, initStd: 0.3 }), 1), opt);
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
const vision = { width: 6, encode: () => tf.zeros([1, 4, 6]) as tf.Tensor3D };
const composed = (language: SyncLanguageModel): Promise<Parts> =>
  compose({ vision, text: { tokenizer }, qformer, language: { ...language, tokenizer } });

const data = ({ position }: { position: number }) => ({
  features: tf.randomNormal([2, 4, 6], 0, 1, 'float32', position + 1) as tf.Tensor3D,
  texts: {
    imageIndex: tf.tensor1d([0, 1], 'int32'),
    promptIds: tf.ones([2, 1], 'int32') as tf.Tensor2D,
    promptMask: tf.ones([2, 1], 'int32') as tf.Tensor2D,
    targetIds: tf.tensor2d(
      [
        [5, 2],
        [6, 2],
      ],
      [2, 2],
      'int32',
    ),
    targetMask: tf.ones([2, 2], 'int32') as tf.Tensor2D,
  },
});
const lora = { rank: 2, alpha: 4, dropout: 0.1, targets: ['q_proj', 'fc1'] };

async function trained(parts: Parts, options: Partial<Stage2TrainOptions>): Promise<number[]> {
  const losses: number[] = [];
  const run = trainStage2(parts, { data, steps: 4, learningRate: 1e-2, warmupSteps: 1, lora, ...options });
  for await (const step of run) losses.push(step.losses.total);
  return losses;
}

const values = (flat: Flat) => Object.fromEntries(Object.entries(flat).map(([path, x]) => [path, [...x.dataSync()]]));
const predicted = (language: Pick<SyncLanguageModel, 'predict'>): number[] =>
  tf.tidy(() => [...language.predict({ targetIds: tf.tensor2d([[5, 6, 2]], [1, 3], 'int32') }).logits.dataSync()]);

test('stage 2 trains adapters beside the Q-Former, and the language model stays as it was', async () => {
  await expectNoLeak(async () => {
    const language = newLanguage();
    using parts = await composed(language);
    const before = predicted(language);
    const losses = await trained(parts, { steps: 8 });
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
    expect(Object.keys(parts.adapters)).toHaveLength(2 * 2 * 2);
    expect(Object.keys(parts.adapters)[0]).toBe('language_model.model.decoder.layers.0.self_attn.q_proj.lora_A.weight');
    expect(predicted(language)).toEqual(before);
    expect(predicted(adaptedLanguage(parts, lora))).not.toEqual(before);
    language.dispose();
  });
});

test('adapters are resumed, can be frozen by rules, and can be all that is trained', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lora-'));
  const language = newLanguage();
  try {
    using whole = await composed(language);
    using first = await composed(language);
    using second = await composed(language);
    await trained(whole, {});
    const checkpoint = { dir: folder, every: 2 };
    await trained(first, { until: 2, trainer: { checkpoint } });
    await trained(second, { trainer: { checkpoint, resume: true } });
    expect(values(second.adapters)).toEqual(values(whole.adapters));

    const before = values(whole.stage2);
    const adapters = values(whole.adapters);
    await trained(whole, {
      parameters: [
        ['language_model', 'trainable'],
        ['', 'frozen'],
      ],
    });
    expect(values(whole.stage2)).toEqual(before);
    expect(values(whole.adapters)).not.toEqual(adapters);
    await expect(async () => trained(whole, { lora: { ...lora, rank: 3 } })).rejects.toThrow(
      'of another configuration',
    );
  } finally {
    language.dispose();
    await rm(folder, { recursive: true });
  }
});

test('a language model that takes no adapters is refused', async () => {
  const { lora: _, ...language } = newLanguage();
  using parts = await composed(language);
  await expect(async () => trained(parts, {})).rejects.toThrow('The language model takes no LoRA');
  language.dispose();
});
