import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDataset } from '@blip2/datasets';
import { type CustomVision, readEvaluations, runTrain } from '@blip2/runs';
import { drawShapes, writeShapes } from '@blip2/test-models';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type ImageTextConfig, imageTextConfigs } from './config.js';
import { imageTextData } from './image-text-data.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-selection-'));
  process.env.BLIP2_CACHE = join(folder, 'cache');
  await writeShapes(join(folder, 'shapes'), 'jsonl', await drawShapes(16));
  await useBackend({ backend: 'simd', threads: 1 });
});
afterAll(async () => {
  delete process.env.BLIP2_CACHE;
  await rm(folder, { recursive: true, force: true });
});

const stage = { steps: 8, batchSize: 4, warmupSteps: 1, checkpointEvery: 2, learningRate: 1e-6 };
const config = (changes: object = {}): ImageTextConfig =>
  imageTextConfigs.parse({
    bert: null,
    qformer: { queries: 2, layers: 1, hiddenSize: 24, heads: 2, intermediateSize: 24, projectionSize: 8, dropout: 0 },
    data: { validation: 0.25 },
    stage1: { ...stage, ...changes },
    stage2: { ...stage, ...changes, steps: 4, evaluateEvery: 4 },
  });

/** Small, and saved by its name. */
const vision: CustomVision = {
  name: 'mean',
  fingerprint: 'mean',
  width: 3,
  processor: { size: { width: 8, height: 8 }, filter: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 / 255 },
  encode: (pixels) => tf.reshape(tf.avgPool(pixels, 4, 4, 'valid'), [-1, 4, 3]),
};

const weights = (out: string, part: string) => readFile(join(folder, out, part, 'model.safetensors'));

async function train(
  out: string,
  chosen: ImageTextConfig,
  options: { maxSteps?: number; resume?: boolean; stages?: (1 | 2)[] } = {},
) {
  const data = imageTextData(await openDataset(join(folder, 'shapes')));
  const notes: string[] = [];
  const reporter = { progress() {}, step() {}, note: (text: string) => void notes.push(text) };
  await runTrain(chosen, { data, vision, out: join(folder, out), reporter, ...options });
  return { notes, evaluations: await readEvaluations(join(folder, out)) };
}

test('a stage stops when its validation score has not grown, its best weights are saved, and the next starts from them', async () => {
  const { notes, evaluations } = await train('stopped', config({ patience: 2 }));
  for (const number of [1, 2] as const) {
    const own = evaluations.filter((one) => one.stage === number);
    const last = own.at(-1)!;
    const values = own.map(({ value }) => value);
    const every = number === 1 ? 2 : 4;
    expect(own.map(({ step }) => step)).toEqual(own.map((_, i) => every * (i + 1)));
    expect(last.best).toBe(every * (values.lastIndexOf(Math.max(...values)) + 1));
    if (last.stopped) {
      const growth = values.indexOf(Math.max(...values));
      expect(own.length - 1 - growth).toBe(2);
      expect(notes.join('\n')).toContain(`Stage ${number} stops after step ${last.step}`);
    }
    const kept = await readdir(join(folder, 'stopped', 'checkpoints', `stage${number}`));
    expect(kept.filter((name) => name.startsWith('best-'))).toEqual([`best-${String(last.best).padStart(6, '0')}`]);
  }
  expect(evaluations.some(({ stage: number, stopped }) => number === 1 && stopped)).toBe(true); // such small steps change nothing
  const before = [await weights('stopped', 'stage1'), await weights('stopped', 'stage2')];
  await train('stopped', config({ patience: 2 }), { resume: true });
  expect([await weights('stopped', 'stage1'), await weights('stopped', 'stage2')]).toEqual(before);
  await expect(train('stopped', config({ patience: 3 }), { resume: true })).rejects.toThrow(/cannot be continued/);
}, 120_000);

test('a resumed run selects as an uninterrupted one', async () => {
  const quick = config({ learningRate: 1e-2, patience: 4 });
  const whole = await train('whole', quick, { stages: [1] });
  await train('parts', quick, { stages: [1], maxSteps: 3 });
  await train('parts', quick, { stages: [1], maxSteps: 5, resume: true });
  const parts = await train('parts', quick, { stages: [1], resume: true });
  expect(parts.evaluations).toEqual(whole.evaluations);
  expect(await weights('parts', 'stage1')).toEqual(await weights('whole', 'stage1'));
}, 120_000);
