import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from '@blip2/backend-simd';
import { loadFolder } from '@blip2/models';
import { type CustomVision, type RunConfig, readMetrics, runTrain, silent, type TrainRunOptions } from '@blip2/runs';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type EmojiDataConfig, emojiConfigs } from './config.js';
import { emojiData } from './emoji-data.js';

// Runs that start from trained models begin with exactly their weights.

jest.setTimeout(120_000);

const { qformer, data, stage1, stage2 } = emojiConfigs.preset('smoke');
const config = emojiConfigs.parse({
  bert: null,
  qformer: { ...qformer, layers: 2, crossAttentionFrequency: 1, hiddenSize: 24, heads: 2, intermediateSize: 48 },
  data: { ...data, emoji: 4, scenes: 8, testScenes: 4, singles: 0, singleShare: 0 },
  stage1: { ...stage1, steps: 2, checkpointEvery: 1 },
  stage2: { ...stage2, steps: 2, checkpointEvery: 1 },
});
/** Updates too small to change a float32. */
const tiny = { learningRate: 1e-30, minLearningRate: 0 };
const still = {
  ...config,
  seed: 7,
  stage1: { ...config.stage1, ...tiny, steps: 1 },
  stage2: { ...config.stage2, ...tiny, steps: 1 },
};
let folder: string;
const at = (name: string): string => join(folder, name);

const squares: CustomVision = {
  width: 3,
  encode: (pixels) => tf.tidy(() => tf.reshape(tf.avgPool(pixels, 8, 8, 'valid'), [pixels.shape[0], -1, 3])),
  name: 'squares',
  fingerprint: 'one',
  processor: { size: { width: 32, height: 32 }, filter: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 / 255 },
};

const train = (
  out: string,
  options: Partial<TrainRunOptions<EmojiDataConfig>> = {},
  given: RunConfig<EmojiDataConfig> = config,
) => runTrain(given, { data: emojiData, out: at(out), vision: squares, reporter: silent, ...options });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-initial-'));
  process.env.BLIP2_CACHE = at('cache');
  await register({ threads: 1 });
  await tf.setBackend('simd');
  await train('first');
});
afterAll(async () => {
  delete process.env.BLIP2_CACHE;
  await rm(folder, { recursive: true, force: true });
});

const weights = (out: string, stage: 1 | 2) => readFile(at(`${out}/stage${stage}/model.safetensors`));
const losses = async (out: string, stage: 1 | 2) =>
  (await readMetrics(at(out), still.stage1.steps)).filter((step) => step.stage === stage).map((step) => step.losses);

test('both stages begin with exactly the given weights, which standardizing leaves alone', async () => {
  const { numTensors } = tf.memory();
  const initial = { stage1: at('first'), stage2: at('first') };
  await train('same', { initial }, still);
  for (const stage of [1, 2] as const) {
    expect((await weights('same', stage)).equals(await weights('first', stage))).toBe(true);
  }
  await train('two', { initial: { stage2: at('first/stage2') }, stages: [2] }, still);
  expect(await losses('two', 2)).toEqual(await losses('same', 2));
  expect((await weights('two', 2)).equals(await weights('first', 2))).toBe(true);
  expect(tf.memory().numTensors).toBe(numTensors);
});

test('stage 2 starts from the continued stage 1 where only that is given', async () => {
  await train('one', { initial: { stage1: at('first') } }, still);
  expect((await weights('one', 1)).equals(await weights('first', 1))).toBe(true);
  const queries = async (out: string, kind: 'retrieval' | 'generation') => {
    using model = await loadFolder(at(out), { kind, vision: squares });
    return [...model.params.query_tokens.dataSync()];
  };
  expect(await queries('one', 'generation')).toEqual(await queries('first', 'retrieval'));
  expect(await queries('first', 'generation')).not.toEqual(await queries('first', 'retrieval'));
});

test('a resumed run must start from the same models', async () => {
  const initial = { stage1: at('first') };
  await train('halves', { initial, stages: [1], maxSteps: 1 });
  await expect(train('halves', { stages: [1], resume: true })).rejects.toThrow(/initial was .* and is not recorded/);
  await cp(at('first/stage1'), at('copy'), { recursive: true });
  await train('halves', { initial: { stage1: at('copy') }, stages: [1], resume: true });
  await train('whole', { initial, stages: [1] });
  expect((await weights('halves', 1)).equals(await weights('whole', 1))).toBe(true);
  expect((await weights('halves', 1)).equals(await weights('first', 1))).toBe(false);
});

test.each([
  [{ stage1: 'first' }, { heads: 4, queries: 3 }, 'whose Q-Former has heads 2 instead of 4, queries 8 instead of 3'],
  [{ stage1: 'first/stage2' }, {}, 'holds a generation model, but a retrieval model of BLIP-2 is needed'],
  [{ stage2: 'first' }, {}, 'train it alone, or give a model of stage 1 too'],
  [{ stage1: 'absent' }, {}, 'absent'],
])('%j with %j is refused before anything is written', async (folders, sizes, message) => {
  const initial = Object.fromEntries(Object.entries(folders).map(([stage, name]) => [stage, at(name)]));
  const { numTensors } = tf.memory();
  await expect(train('none', { initial }, { ...config, qformer: { ...config.qformer, ...sizes } })).rejects.toThrow(
    message,
  );
  await expect(readFile(at('none/config.json'))).rejects.toThrow('ENOENT');
  expect(tf.memory().numTensors).toBe(numTensors);
});
