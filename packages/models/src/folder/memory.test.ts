import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectNoLeak, fixture, inFolder } from '@blip2/testing';
import { type PublishedName, published, writeHollow } from '@blip2/testing/published';
import { beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { readModelConfig } from './config.js';
import { inspectModel } from './inspect.js';
import { loadFolder } from './load.js';
import { memoryPlan, weightsPlan } from './memory.js';
import { formatMemoryPlan, placeModel } from './memory-budget.js';
import { partSpecs, tensorShapes } from './specs.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const GiB = 2 ** 30;
/** What this process computes from now on: a machine that others use too takes longer, and it is not our doing. */
function cpuSeconds(): () => number {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  };
}
const modelOf = (name: PublishedName) => readModelConfig(published[name], name);
const loadPlan = (name: PublishedName) => memoryPlan(partSpecs(modelOf(name)), modelOf(name));

test('the plan is the sum of the parameters, and what working takes', () => {
  const plan = loadPlan('blip2-opt-2.7b');
  expect(plan.parts).toEqual({
    vision: 4 * 985_949_440,
    'Q-Former': 4 * (105_137_664 + 24_576 + 2816 + 1_968_640),
    'language model': 4 * 2_651_678_720,
  });
  expect(plan.largest).toBe(4 * 50304 * 2560);
  expect(plan.total).toBe(4 * 3_744_761_856 + plan.working);
  expect(plan.inBlocks).toBeGreaterThan(plan.total);
  expect(plan.inBlocks).toBeLessThan(1.125 * plan.total);
  // 5 rows of keys and values of 160 columns in 32 layers are most of it
  expect(plan.working / 1e9).toBeCloseTo(0.53, 1);
  expect(formatMemoryPlan(plan)).toBe(
    'vision 3.9 GB + Q-Former 0.4 GB + language model 10.6 GB + 0.5 GB working memory = 15.5 GB',
  );
  expect(formatMemoryPlan(weightsPlan([{ shape: [250, 1000] }, { shape: [] }]))).toBe('weights 1.0 MB');
});

describe('a model is refused with the sum where it cannot fit', () => {
  type Options = Parameters<typeof placeModel>[2];
  const found = (name: PublishedName, options: Options) => placeModel(name, loadPlan(name), options);
  const refused = (name: PublishedName, options: Options) => () => found(name, options);
  const heap = { free: 4 * GiB, reserved: 0 };
  const half = { vision: 2 * 985_949_440, language: 2 * 2_651_678_720 };

  test('into the heap', () => {
    const sum = 'vision 3.9 GB + Q-Former 0.7 GB + 23 MB working memory = 4.7 GB';
    expect(refused('blip2-itm-vit-g', { budget: { heap, system: 20e9 } })).toThrow(
      `blip2-itm-vit-g needs ${sum}, but the heap of the simd backend has room for 4.3 GB; take a smaller model, or`,
    );
    const tiny = { free: 1e9, reserved: 0 };
    expect(refused('blip2-opt-2.7b', { budget: { heap: tiny, system: 20e9 }, stored: half })).toThrow(
      'has room for 1.0 GB',
    );
  });

  test('into the machine', () => {
    expect(refused('blip2-opt-2.7b', { budget: { system: 8e9 } })).toThrow(
      '= 15.5 GB, but this machine has 8.0 GB free; take',
    );
    expect(refused('blip2-opt-2.7b', { budget: { heap, system: 8e9 }, stored: half })).toThrow(
      /= 15\.5 GB, but even in the file's precision, \d+\.\d GB, it is more than the 8\.0 GB that are free here; take/,
    );
    expect(refused('vit-l-opt-125m', { budget: { heap, system: 2e9 } })).toThrow('but this machine has 2.0 GB free');
  });

  test('and not where it can', () => {
    expect(found('blip2-opt-2.7b', { budget: { system: 16e9 } })).toEqual({});
    expect(found('vit-l-opt-125m', { budget: { heap, system: 4e9 } })).toEqual({});
    expect(found('vit-l-opt-125m', { budget: { heap: { free: 4 * GiB, reserved: 2.5e9 }, system: 1e9 } })).toEqual({});
  });

  test('what the heap has no room for stays outside, the image encoder first', () => {
    const plan = loadPlan('blip2-opt-2.7b');
    const { inHeap } = found('blip2-opt-2.7b', { budget: { heap, system: 16e9 }, stored: half });
    expect(inHeap?.vision).toBe(0);
    expect(inHeap!.language / 1e9).toBeCloseTo(2.3, 0);
    const itm = found('blip2-itm-vit-g', {
      budget: { heap, system: 16e9 },
      stored: { vision: half.vision, language: 0 },
    });
    expect(itm.inHeap?.language).toBe(0);
    expect(itm.inHeap!.vision / 1e9).toBeCloseTo(3.4, 0);
    expect(plan.blocks['language model']).toBeGreaterThan(plan.parts['language model']!);
  });
});

describe('files of true size', () => {
  const hollow = (name: PublishedName, body: (folder: string) => Promise<void>): Promise<void> =>
    inFolder(async (folder) => {
      const keep = (path: string): boolean => !/golden|model\.safe|\/config/.test(path);
      await cp(fixture('hf-opt'), folder, { recursive: true, filter: keep });
      await writeFile(join(folder, 'config.json'), JSON.stringify(published[name]));
      const bytes = await writeHollow(folder, { tensors: tensorShapes(modelOf(name)), dtype: 'F16', shards: 2 });
      expect(bytes / 1e9).toBeGreaterThan(7);
      return body(folder);
    });

  test('blip2-opt-2.7b is looked into by its headers, and refused before it is read', async () => {
    await hollow('blip2-opt-2.7b', async (folder) => {
      const looked = cpuSeconds();
      const [found] = await inspectModel(folder);
      expect(looked()).toBeLessThan(2);
      expect(found).toMatchObject({ parameters: 3_744_761_856, missing: [], unused: [], misshaped: [] });
      expect(found!.memory).toEqual(loadPlan('blip2-opt-2.7b'));
      const before = process.memoryUsage().rss;
      await expectNoLeak(async () => {
        const refused = cpuSeconds();
        await expect(loadFolder(folder, { memory: { system: 8e9 } })).rejects.toThrow(
          /= 15\.5 GB, but this machine has/,
        );
        expect(refused()).toBeLessThan(2);
      });
      expect(process.memoryUsage().rss - before).toBeLessThan(3e8);
    });
  });
});
