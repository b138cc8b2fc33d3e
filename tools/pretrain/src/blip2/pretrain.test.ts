import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { register } from '@blip2/backend-simd';
import { fromPretrained, loadFolder } from '@blip2/models';
import { silent } from '@blip2/runs';
import { starterUrl } from '@blip2/starter';
import { writeSafetensors } from '@blip2/tensor/safetensors';
import { fixture } from '@blip2/testing';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { pretrainConfigs } from './config.js';
import { readHistory } from './history.js';
import { type Blip2Options, pretrainBlip2 } from './pretrain.js';
import { writeModels } from './ship.js';
import type { Validation } from './validate.js';

jest.setTimeout(240_000);

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const config = (() => {
  const { qformer, data, stage1, stage2 } = pretrainConfigs.preset('smoke');
  return pretrainConfigs.parse({
    bert: null,
    outputStride: 16,
    qformer: { ...qformer, layers: 2, crossAttentionFrequency: 1, hiddenSize: 24, heads: 2, intermediateSize: 48 },
    data: { ...data, emoji: 4, scenes: 8, singles: 0, singleShare: 0 },
    stage1: { ...stage1, steps: 4, checkpointEvery: 2 },
    stage2: { ...stage2, steps: 4, checkpointEvery: 2 },
  });
})();

interface Found {
  readonly finished: boolean;
  readonly steps: readonly string[];
  readonly validations: readonly Validation[];
}

async function pretrain(out: string, options: Partial<Blip2Options> = {}): Promise<Found> {
  const steps: string[] = [];
  const validations: Validation[] = [];
  const finished = await pretrainBlip2(
    {
      out: at(out),
      work: at('work'),
      config,
      stages: [1, 2],
      validateEvery: 2,
      validation: { drawings: 40, scenes: 4, variants: 1 },
      ...options,
    },
    {
      step: (stage, { step }) => steps.push(`${stage}.${step}`),
      validation: (_, found) => validations.push(found),
      reporter: silent,
    },
  );
  return { finished, steps, validations };
}

const weights = (out: string, stage: 1 | 2) => readFile(at(out, `stage${stage}`, 'model.safetensors'));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pretrain-'));
  process.env.BLIP2_CACHE = at('cache');
  await register({ threads: 1 });
  await tf.setBackend('simd');
});
afterAll(async () => {
  delete process.env.BLIP2_CACHE;
  await rm(folder, { recursive: true, force: true });
});

test('a run that is stopped after its hours goes on to the models of one that was not', async () => {
  const { numTensors } = tf.memory();
  const whole = await pretrain('whole');
  expect(whole.finished).toBe(true);
  expect(whole.steps).toEqual(['1.1', '1.2', '1.3', '1.4', '2.1', '2.2', '2.3', '2.4']);
  expect(whole.validations.map(({ step }) => step)).toEqual([2, 4, 2, 4]);
  const parts: string[][] = [];
  for (let calls = 0; calls < 8; calls++) {
    const { finished, steps } = await pretrain('parts', { hours: 0 });
    parts.push([...steps]);
    expect(await readHistory(at('parts'))).toBeDefined();
    if (finished) break;
  }
  // a step past each checkpoint is made twice
  expect(parts).toEqual([
    ['1.1', '1.2', '1.3'],
    ['1.3', '1.4', '2.1', '2.2', '2.3'],
    ['2.3', '2.4'],
  ]);
  for (const stage of [1, 2] as const) {
    expect((await weights('parts', stage)).equals(await weights('whole', stage))).toBe(true);
  }
  const [run] = (await readHistory(at('parts')))?.runs ?? [];
  expect(run?.stage1).toMatchObject({ steps: 4, validations: whole.validations.slice(0, 2) });
  expect(run?.stage2?.curve.at(-1)?.step).toBe(4);
  expect(tf.memory().numTensors).toBe(numTensors);
});

test('a run that continues another begins with its models, and keeps its history', async () => {
  const still = { learningRate: 1e-30, minLearningRate: 0 };
  const next = {
    ...config,
    stage1: { ...config.stage1, ...still },
    stage2: { ...config.stage2, ...still, phraseSteps: 0 },
  };
  await pretrain('next', { from: at('whole'), config: next });
  for (const kind of ['retrieval', 'generation'] as const) {
    using first = await loadFolder(at('whole'), { kind });
    using again = await loadFolder(at('next'), { kind });
    expect([...again.params.query_tokens.dataSync()]).toEqual([...first.params.query_tokens.dataSync()]);
  }
  const { runs } = (await readHistory(at('next'))) ?? { runs: [] };
  expect(runs.map(({ continued }) => continued)).toEqual([false, true]);
  expect(runs[1]?.config).toMatchObject({ seed: config.seed + 1 });
});

test('what ships refers to the frozen models beside it, in half precision, and is used like any folder', async () => {
  for (const model of ['vision', 'language'] as const) {
    await cp(fileURLToPath(starterUrl(model)), at('models', model), { recursive: true });
  }
  await writeModels({ run: at('whole'), models: at('models') });
  expect(await readdir(at('models', 'blip2'))).toEqual(['stage1', 'stage2']);
  const json = async (stage: string) => JSON.parse(await readFile(at('models/blip2', stage, 'config.json'), 'utf8'));
  const encoder = { folder: '../../vision', output_stride: 16 };
  expect(await json('stage1')).toMatchObject({ dtype: 'float16', vision_config: encoder, rerank: { k: 16 } });
  expect(await json('stage2')).toMatchObject({ vision_config: encoder, text_config: { folder: '../../language' } });
  using shipped = await fromPretrained(at('models', 'blip2'));
  using trained = await fromPretrained(at('whole'));
  expect(shipped.models[0]?.vision).toBe(shipped.models[1]?.vision);
  const image = fixture('photos/rocket.jpg');
  const [[before], [after]] = [await trained.match(image, ['a rocket']), await shipped.match(image, ['a rocket'])];
  expect(after?.itc).toBeCloseTo(before?.itc as number, 2);
  expect(typeof (await shipped.caption(image)).caption).toBe('string');
});

test('models between other frozen ones do not ship', async () => {
  const path = at('models', 'vision', 'model.safetensors');
  await writeSafetensors(path, [{ name: 'other', shape: [1], dtype: 'F32', data: Float32Array.of(1) }]);
  await expect(writeModels({ run: at('whole'), models: at('models') })).rejects.toThrow(
    /vision model of .* is not that of/,
  );
  await expect(writeModels({ run: at('whole/stage1'), models: at('none') })).rejects.toThrow('has no stage1');
});
