import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDataset } from '@blip2/datasets';
import { type ObservedStep, readEvaluations, runEval, runTrain } from '@blip2/runs';
import { starterUrl } from '@blip2/starter';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { drawShapes, writeShapes } from '@blip2/test-models';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { imageTextConfigs } from './config.js';
import { imageTextData } from './image-text-data.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-trained-'));
  process.env.BLIP2_CACHE = join(folder, 'cache');
  await writeShapes(join(folder, 'shapes'), 'jsonl', await drawShapes(10));
  await useBackend({ backend: 'simd', threads: 1 });
});
afterAll(async () => {
  delete process.env.BLIP2_CACHE;
  await rm(folder, { recursive: true, force: true });
});

const read = async (path: string, name: string): Promise<Float32Array> => {
  const source = await openSafetensors(path);
  return source.read(name).finally(() => source.close());
};

test('the image encoder and adapters of the language model are trained, saved, and evaluated', async () => {
  const rule = ['vision_model.blocks.15', 'trainable'];
  const stage = { steps: 2, batchSize: 4, warmupSteps: 0, checkpointEvery: 2, parameters: [rule], layerDecay: 0.9 };
  const config = imageTextConfigs.parse({
    bert: null,
    outputStride: 16, // as the shipped models have it
    qformer: { queries: 2, layers: 1, hiddenSize: 24, heads: 2, intermediateSize: 24, projectionSize: 8, dropout: 0 },
    data: { validation: 0.2, augment: 'crop' },
    stage1: stage,
    stage2: { ...stage, lora: { rank: 2, alpha: 4 } },
  });
  const data = imageTextData(await openDataset(join(folder, 'shapes')), { workers: 0 });
  const out = join(folder, 'out');
  const steps: ObservedStep[] = [];
  const notes: string[] = [];
  const reporter = { progress() {}, step() {}, note: (text: string) => void notes.push(text) };
  await runTrain(config, { data, out, reporter, observers: [() => ({ step: (step) => void steps.push(step) })] });
  expect(notes.filter((text) => /^Stage \d trains .*image encoder/.test(text))).toHaveLength(2);
  expect(notes.filter((text) => text.includes('adapters of the language model'))).toHaveLength(1);
  expect(steps.map(({ stage: number }) => number)).toEqual([1, 1, 2, 2]);
  expect((await readEvaluations(out)).map(({ step }) => step)).toEqual([2, 2]);

  const trained = await openSafetensors(join(out, 'stage1', 'model.safetensors'));
  const own = [...trained.names.keys()].filter((name) => name.startsWith('vision_model.blocks.'));
  await trained.close();
  const starter = join(fileURLToPath(starterUrl('vision')), 'model.safetensors');
  const changed = async (name: string): Promise<boolean> => {
    const [before, after] = [
      await read(starter, name.replace('vision_model.', '')),
      await read(join(out, 'stage1', 'model.safetensors'), name),
    ];
    return before.some((value, i) => Math.abs(value - after[i]!) > 1e-6);
  };
  const inside = own.find((name) => name.includes('blocks.15.') && name.endsWith('.weight'))!;
  const outside = own.find((name) => name.includes('blocks.3.') && name.endsWith('.weight'))!;
  expect([await changed(inside), await changed(outside)]).toEqual([true, false]);
  const adapters = await openSafetensors(join(out, 'stage2', 'adapter', 'adapter_model.safetensors'));
  expect([...adapters.names.keys()].every((name) => name.includes('lora_'))).toBe(true);
  await adapters.close();
  const scores = await runEval({ model: out, data });
  expect([scores.retrieval?.images, scores.captions?.n]).toEqual([10, 10]);
}, 120_000);
