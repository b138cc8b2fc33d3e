import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openDataset } from '@blip2/datasets';
import { fineTuning, imageTextData } from '@blip2/image-text';
import { type Blip2, fromPretrained, generationModel, retrievalModel } from '@blip2/models';
import { readMetrics, runTrain } from '@blip2/runs';
import { drawShapes, writeShapes } from '@blip2/test-models';
import { expectNoLeak, inFolder } from '@blip2/testing';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type FineTuneOptions, type FineTuneStep, fineTune, type TrainingExample } from './fine-tune.js';

let model: Blip2;
let examples: TrainingExample[];
beforeAll(async () => {
  await useBackend({ threads: 1 });
  model = await fromPretrained();
  examples = (await drawShapes(12)).map(({ png, captions }) => ({ image: png, captions }));
});
afterAll(() => model.dispose());

async function stepsOf(options: FineTuneOptions): Promise<FineTuneStep[]> {
  const steps: FineTuneStep[] = [];
  using _ = await fineTune(model, examples, { ...options, onStep: (step) => steps.push(step) });
  return steps;
}

test.each([
  ['captioning', 2, 'stage2'],
  ['retrieval', 1, 'stage1'],
] as const)('%s: the losses are those of blip2 train --no-lora', async (task, stage, key) => {
  await inFolder(async (folder) => {
    process.env.BLIP2_CACHE = join(folder, 'cache');
    try {
      const photos = join(folder, 'photos');
      await mkdir(photos);
      await writeShapes(photos, 'jsonl', await drawShapes(12));
      const { config, initial } = await fineTuning(undefined, { images: 12, stages: [stage] });
      const out = join(folder, 'run');
      const { learningRate } = config.stage1; // stage 2 has twice that for its adapters
      const frozen = key === 'stage2' ? { lora: null, learningRate } : {};
      const run = { ...config, [key]: { ...config[key], ...frozen, steps: 4, warmupSteps: 0 } };
      await runTrain(run, {
        data: imageTextData(await openDataset(photos), { workers: 0 }),
        out,
        stages: [stage],
        initial,
      });
      const logged = (await readMetrics(out, stage)).map(({ losses }) => losses.total);
      const steps = await stepsOf({ task, steps: 4 });
      expect(steps.map(({ losses }) => losses.total)).toEqual(logged);
    } finally {
      delete process.env.BLIP2_CACHE;
    }
  });
});

test('with adapters it learns, captions held-out images before and after, and its folder is a model', async () => {
  const [held] = await drawShapes(1, 100);
  await inFolder(async (folder) => {
    const before: string[] = [];
    const steps: FineTuneStep[] = [];
    const encoded: number[] = [];
    using trained = await fineTune(model, examples, {
      steps: 20,
      lora: 4,
      heldOut: [held!.png],
      onEncoded: (done) => encoded.push(done),
      onBefore: (captions) => before.push(...captions),
      onStep: (step) => steps.push(step),
    });
    expect(encoded).toEqual([1, 9, 13]);
    expect(steps).toHaveLength(20);
    expect(steps.at(-1)!.losses.total).toBeLessThan(0.7 * steps[0]!.losses.total!);
    const [{ before: first, after }] = trained.heldOut as [{ before: string; after: string }];
    expect([first]).toEqual(before);
    expect(first).toBe((await model.caption(held!.png)).caption);
    const path = join(folder, 'model');
    await trained.save(path);
    using loaded = await fromPretrained(path);
    expect((await loaded.caption(held!.png)).caption).toBe(after);
    await expect(fineTune(loaded, examples)).rejects.toThrow('has adapters');
  });
});

test('a signal ends it with its reason and frees what it made; the model stays as it was', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const { params } = generationModel(model);
  const norm = params.qformer.layernorm.weight;
  const values = await norm.data();
  await expectNoLeak(async () => {
    const onStep = ({ step }: FineTuneStep): void => void (step === 2 && controller.abort(reason));
    await expect(fineTune(model, examples, { onStep, signal: controller.signal })).rejects.toBe(reason);
  });
  expect(await norm.data()).toEqual(values);
});

test('what cannot be trained on is refused in a sentence', async () => {
  const [first, second] = examples as [TrainingExample, TrainingExample];
  await expect(fineTune(model, [first])).rejects.toThrow('at least two images with captions, and has 1; add some.');
  await expect(fineTune(model, [first, { ...second, captions: [' '] }])).rejects.toThrow(
    'Image 2 of the training has no caption',
  );
  await expect(fineTune(retrievalModel(model), examples)).rejects.toThrow('has no language model');
  await expect(fineTune(model, [first, { ...second, image: new Blob(['x']) }])).rejects.toThrow('is not an image');
});
