import { starterUrl } from '@blip2/starter';
import { sizeOf, specLeaves } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { adapterSpecOf, loadLanguageModel, loadVision, useBackend } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { runConfigs } from './config/run-configs.js';
import { dataSchema } from './config/schema.js';
import { describePlan, planStage } from './plan.js';
import { plannedAdapters, plannedEncoder } from './planned.js';

beforeAll(() => useBackend({ backend: 'simd', threads: 1 }).then(() => undefined));

const stage = { steps: 10, batchSize: 4 };
const qformer = { queries: 2, layers: 1, hiddenSize: 24, heads: 2, intermediateSize: 24, projectionSize: 8 };
const base = { bert: null, qformer, stage1: stage, stage2: stage };
const configs = runConfigs(dataSchema.extend({ flag: z.boolean().default(false) }), {});
const models = { encoderWidth: 352, tokens: 49, vocabulary: 100, language: { width: 192, vocabulary: 2048 } };
const total = (groups: Readonly<Record<string, number>>) => Object.values(groups).reduce((sum, one) => sum + one, 0);

test('a plan counts what is trained of the image encoder, and what that keeps', async () => {
  const vision = await loadVision(starterUrl('vision'));
  let encoder: Awaited<ReturnType<typeof plannedEncoder>>;
  await expectNoLeak(async () => {
    encoder = await plannedEncoder(vision);
  });
  const rules = [['vision_model.blocks.15', 'trainable']] as [string, 'trainable'][];
  const trained = configs.parse({ ...base, stage1: { ...stage, parameters: rules } });
  const [frozen, plan] = [configs.parse(base), trained].map((config) => planStage(1, config, { ...models, encoder }));
  expect(frozen!.groups).not.toHaveProperty('image encoder');
  const count = [...encoder!.shapes]
    .filter(([path]) => path.startsWith('vision_model.blocks.15.'))
    .reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  expect(plan!.groups['image encoder']).toBe(count);
  expect(count).toBeGreaterThan(1e5);
  expect(total(plan!.groups)).toBe(total(frozen!.groups) + count);
  expect(plan!.memory.parameters - frozen!.memory.parameters).toBe(5 * 4 * count);
  expect(plan!.memory.activations - frozen!.memory.activations).toBe(4 * 4 * encoder!.activations);
  expect(describePlan(plan!)).toMatch(/image encoder [\d.]+ k/);

  // what a step's tape holds of one image is what was measured, within what kernels keep for themselves
  const { height, width } = vision.processor.size as { height: number; width: number };
  const pixels = tf.zeros<tf.Rank.R4>([1, height, width, 3]);
  const held = tf.memory().numBytes;
  const counted: number[] = [];
  tf.dispose(
    tf.valueAndGrads((x: tf.Tensor) => {
      const features = vision.forward(vision.params, x as tf.Tensor4D);
      counted.push(tf.memory().numBytes - held);
      return tf.sum(features) as tf.Scalar;
    })([pixels]),
  );
  expect(counted[0]! / (4 * encoder!.activations)).toBeGreaterThan(0.4);
  expect(counted[0]! / (4 * encoder!.activations)).toBeLessThan(1.5);
  pixels.dispose();
  vision.dispose();
});

test('a plan counts the adapters of the language model in stage 2 alone', async () => {
  const language = await loadLanguageModel(starterUrl('language'));
  const lora = { rank: 8, alpha: 16, targets: 'all-linear' };
  const config = configs.parse({ ...base, stage2: { ...stage, lora } });
  const adapters = plannedAdapters({ language }, config);
  const expected = specLeaves(adapterSpecOf({ language }, lora)).reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0);
  expect(planStage(1, config, { ...models, adapters }).groups).not.toHaveProperty('adapters of the language model');
  expect(planStage(2, config, { ...models, adapters }).groups['adapters of the language model']).toBe(expected);
  expect(expected).toBe(4 * 8 * (4 * (192 + 192) + 2 * (192 + 768)));
  expect(plannedAdapters({ language }, configs.parse(base))).toBeUndefined();
  language.dispose?.();
});
