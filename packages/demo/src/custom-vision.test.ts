import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { register } from '@blip2/backend-simd';
import { type CustomVision, runEval, runTrain, silent } from '@blip2/runs';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { emojiConfigs } from './config.js';
import { emojiData } from './emoji-data.js';

jest.setTimeout(120_000);

const { qformer, data, stage1, stage2 } = emojiConfigs.preset('smoke');
const config = emojiConfigs.parse({
  bert: null,
  qformer: { ...qformer, layers: 2, crossAttentionFrequency: 1, hiddenSize: 24, heads: 2, intermediateSize: 48 },
  data: { ...data, emoji: 4, scenes: 8, testScenes: 4 },
  stage1: { ...stage1, steps: 2, checkpointEvery: 1 },
  stage2: { ...stage2, steps: 2, checkpointEvery: 1 },
});
/** Drawings of emoji, scenes and single drawings that a run trains on; then the scenes that it validates by. */
const TRAINED = 4 * config.data.emoji! + config.data.scenes + 4 * 85;
const VALIDATED = 96;
let encoded = 0;
let folder: string;
const at = (name: string): string => join(folder, name);

/** A user's own encoder: the mean color of each of 16 squares. */
const squares: CustomVision = {
  width: 3,
  encode: (pixels) => {
    encoded += pixels.shape[0];
    return tf.tidy(() => tf.reshape(tf.avgPool(pixels, 8, 8, 'valid'), [pixels.shape[0], -1, 3]));
  },
  name: 'squares',
  fingerprint: 'one',
  processor: { size: { width: 32, height: 32 }, filter: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 / 255 },
};

const train = (out: string, options: { vision?: CustomVision; resume?: boolean; maxSteps?: number } = {}) =>
  runTrain(config, { data: emojiData, out: at(out), vision: squares, reporter: silent, ...options });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-own-'));
  process.env.BLIP2_CACHE = at('cache');
  await register({ threads: 1 });
  await tf.setBackend('simd');
});
afterAll(async () => {
  delete process.env.BLIP2_CACHE;
  await rm(folder, { recursive: true, force: true });
});

test('a run with an encoder that is given keeps its name, and is scored when it is given again', async () => {
  const { numTensors } = tf.memory();
  await train('whole');
  expect(encoded).toBe(TRAINED + VALIDATED);
  for (const stage of ['stage1', 'stage2']) {
    const json = JSON.parse(await readFile(at(`whole/${stage}/config.json`), 'utf8'));
    expect(json.vision_config).toEqual({ external: 'squares' });
    const processor = JSON.parse(await readFile(at(`whole/${stage}/processor_config.json`), 'utf8'));
    expect(processor.image_processor.size).toEqual({ width: 32, height: 32 });
  }
  expect(JSON.parse(await readFile(at('whole/config.json'), 'utf8')).vision).toBe('squares');

  const scored = { model: at('whole'), data: emojiData, reporter: silent };
  await expect(runEval(scored)).rejects.toThrow("holds no weights of its image encoder, 'squares'");
  const { known, ...unseen } = await runEval({ ...scored, vision: squares });
  for (const [split, drawings] of [
    [unseen, 85],
    [known, 4 * 85],
  ] as const) {
    expect(split?.retrieval?.candidates).toBe(400);
    expect(split?.captions?.n).toBe(config.data.testScenes);
    expect(split?.single?.n).toBe(drawings);
    expect(split?.vqa?.types).toHaveLength(4);
  }
  expect(unseen.search?.images).toBe(85);
  expect(known?.search).toBeUndefined();
  const { rerank } = JSON.parse(await readFile(at('whole/stage1/config.json'), 'utf8'));
  expect(rerank).toEqual({ itm: expect.any(Boolean), k: 16 });
  expect(unseen.retrieval?.rerank).toBe(rerank.itm ? 16 : 0);
  expect(tf.memory().numTensors).toBe(numTensors);
});

test('the run goes on where it stopped, from features on disk, to the same weights', async () => {
  const before = encoded;
  await train('halves', { maxSteps: 1 });
  await train('halves', { resume: true });
  expect(encoded).toBe(before);
  const weights = (out: string, stage: string) => readFile(at(`${out}/${stage}/model.safetensors`));
  for (const stage of ['stage1', 'stage2']) {
    expect((await weights('halves', stage)).equals(await weights('whole', stage))).toBe(true);
  }
});

test('an encoder of other weights encodes anew, and does not go on with the run of the first', async () => {
  const before = encoded;
  const other = { ...squares, fingerprint: 'two' };
  await expect(train('whole', { vision: other, resume: true })).rejects.toThrow('vision');
  expect(encoded).toBe(before + TRAINED);
});

test.each(['name', 'fingerprint'])('an encoder without a %s is refused before anything is done', async (key) => {
  const before = encoded;
  await expect(train('none', { vision: { ...squares, [key]: '' } })).rejects.toThrow(`has no ${key}`);
  expect(encoded).toBe(before);
  expect(await readdir(folder)).not.toContain('none');
});
