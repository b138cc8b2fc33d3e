import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ImageTextDataset, ImageTextItem } from '@blip2/data';
import { loadTokenizer } from '@blip2/data';
import { openDataset } from '@blip2/datasets';
import { silent, type TrainingData } from '@blip2/runs';
import { starterUrl } from '@blip2/starter';
import { drawShapes, writeShapes } from '@blip2/test-models';
import { expectNoLeak, inFolder } from '@blip2/testing';
import type { Position } from '@blip2/trainer';
import type { VisionModel } from '@blip2/training';
import { compose, loadLanguageModel, type Stage1Batch, type Stage2Batch, useBackend } from '@blip2/training';
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { ahead } from './ahead.js';
import { split } from './collect.js';
import { type ImageTextConfig, imageTextConfigs } from './config.js';
import { decodePool } from './decode-pool.js';
import { imageTextData } from './image-text-data.js';

let cache: string;
beforeAll(() => useBackend({ backend: 'cpu' }).then(() => undefined));
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'blip2-images-'));
  process.env.BLIP2_CACHE = cache;
});
afterEach(async () => {
  delete process.env.BLIP2_CACHE;
  await rm(cache, { recursive: true, force: true });
});

const SIZE = 8;
/** Tells images apart by their mean colors; counts the images that it encodes. */
const vision = (seen: { images: number }): VisionModel => ({
  width: 3,
  processor: {
    size: { width: SIZE, height: SIZE },
    filter: 'bicubic',
    mean: [0, 0, 0],
    std: [1, 1, 1],
    rescale: 1 / 255,
  },
  encode: (pixels) => {
    seen.images += pixels.shape[0];
    return tf.reshape(tf.avgPool(pixels, SIZE / 2, SIZE / 2, 'valid'), [-1, 4, 3]);
  },
});

const small = {
  bert: null,
  qformer: { queries: 2, layers: 1, hiddenSize: 12, heads: 2, intermediateSize: 12, projectionSize: 4, dropout: 0 },
  stage1: { steps: 4, batchSize: 6 },
  stage2: { steps: 4, batchSize: 6 },
};
const config = (data: Partial<ImageTextConfig['data']> = {}): ImageTextConfig =>
  imageTextConfigs.parse({ ...small, data });

async function open(
  dataset: ImageTextDataset,
  chosen: ImageTextConfig,
  options: Parameters<typeof imageTextData>[1] = {},
) {
  const seen = { images: 0 };
  const encoder = { vision: vision(seen), fingerprint: 'mean' };
  const tokenizer = await loadTokenizer(fileURLToPath(starterUrl('bert')));
  const language = await loadLanguageModel(starterUrl('language'));
  const parts = await compose({ vision: encoder.vision, text: { tokenizer }, language, qformer: chosen.qformer });
  const data = imageTextData(dataset, options);
  await data.check(chosen);
  const opened = featured(await data.openTraining(chosen, { encoder, parts, reporter: silent }));
  const close = async (): Promise<void> => {
    await opened.close();
    parts.dispose();
    language.dispose?.();
  };
  return { opened, seen, close, tokenizer, language };
}

/** Training data whose batches are of features. */
function featured(data: TrainingData) {
  return {
    ...data,
    stage1: async (position: Position) => (await data.stage1(position)) as Stage1Batch,
    stage2: async (position: Position) => (await data.stage2(position)) as Stage2Batch,
  };
}

const at = (position: number) => ({ step: position, position, seed: 0 });

test('batches of stage 1 are pairs of the data set, each once an epoch, and a function of their position', async () => {
  await inFolder(async (folder) => {
    const shapes = await drawShapes(24);
    await writeShapes(folder, 'jsonl', shapes);
    const { opened, seen, close, tokenizer } = await open(await openDataset(folder), config());
    expect(seen.images).toBe(24);
    const found = new Map<string, number>();
    for (let position = 0; position < 8; position++) {
      const { features, imageIds, ids, mask } = await opened.stage1(at(position));
      expect(features.shape).toEqual([6, 4, 3]);
      const rows = (await ids.array()).map((row, i) =>
        tokenizer.decode(row.filter((_, j) => mask.arraySync()[i]![j] === 1)),
      );
      const numbers = await imageIds.array();
      rows.forEach((text, i) => {
        const key = `${numbers[i]} ${text}`;
        found.set(key, (found.get(key) ?? 0) + 1);
        expect(text).toContain(shapes[numbers[i]!]!.shape);
      });
      tf.dispose([features, imageIds, ids, mask]);
    }
    expect([found.size, Math.max(...found.values())]).toEqual([48, 1]);
    const again = await open(await openDataset(folder), config());
    expect(again.seen.images).toBe(0); // the features are in the cache
    const [first, second] = [await opened.stage1(at(3)), await again.opened.stage1(at(3))];
    expect(await second.features.data()).toEqual(await first.features.data());
    expect(await second.ids.data()).toEqual(await first.ids.data());
    expect(opened.encoded).toBe(true);
    expect(opened.waited?.()).toBeGreaterThanOrEqual(0);
    tf.dispose([Object.values(first), Object.values(second)]);
    await close();
    await again.close();
  });
});

test('without a cache the same batches come from the images, and nothing is left', async () => {
  await inFolder(async (folder) => {
    await writeShapes(folder, 'csv', await drawShapes(12));
    const dataset = await openDataset(folder);
    await expectNoLeak(async () => {
      const cached = await open(dataset, config());
      const live = await open(dataset, config({ featureCache: false }), { workers: 0 });
      expect([cached.seen.images, live.seen.images, live.opened.encoded]).toEqual([12, 0, false]);
      const [a, b] = [await cached.opened.stage1(at(1)), await live.opened.stage1(at(1))];
      expect(live.seen.images).toBe(6);
      const [kept, fresh] = [await a.features.data(), await b.features.data()];
      kept.forEach((value, i) => {
        expect(value).toBeCloseTo(fresh[i]!, 3);
      });
      tf.dispose([Object.values(a), Object.values(b)]);
      await cached.close();
      await live.close();
    });
  });
});

test('augmented views are cached, and differ between positions', async () => {
  await inFolder(async (folder) => {
    await writeShapes(folder, 'txt', await drawShapes(12));
    const { opened, seen, close } = await open(await openDataset(folder), config({ augment: 'crop', views: 3 }));
    expect(seen.images).toBe(36);
    const sums = new Set<number>();
    for (const position of [0, 4, 8]) {
      const batch = await opened.stage1(at(position));
      sums.add(Math.round(1e4 * (await tf.tidy(() => tf.sum(batch.features)).data())[0]!));
      tf.dispose(Object.values(batch));
    }
    expect(sums.size).toBe(3);
    await close();
  });
});

test('stage 2 trains on captions, on questions, or on both; validation has all texts of its images', async () => {
  await inFolder(async (folder) => {
    const shapes = await drawShapes(24);
    await writeShapes(folder, 'questions', shapes);
    await writeFile(
      join(folder, 'captions.jsonl'),
      shapes
        .map(({ file, captions, questions }) => `${JSON.stringify({ file_name: file, captions, questions })}\n`)
        .join(''),
    );
    const { opened, close, language } = await open(await openDataset(folder), config({ validation: 0.25 }));
    const kinds: string[] = [];
    for (const position of [0, 1]) {
      const { features, texts } = await opened.stage2(at(position));
      expect(features.shape[0]).toBe(6);
      const targets = (await texts!.targetIds.array()).map((row) => language.tokenizer.decode(row).trim());
      expect(targets.length).toBe(texts!.imageIndex.shape[0]);
      kinds.push(targets.some((text) => text.split(' ').length > 2) ? 'captions' : 'answers');
      tf.dispose([features, ...Object.values(texts!)]);
    }
    expect(kinds.sort()).toEqual(['answers', 'captions']);
    const { retrieval, captions, vqa, close: closeValidation } = await opened.validation!();
    expect(retrieval!.features.length).toBe(6);
    expect(retrieval!.imageOf).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
    expect([captions!.references(0).length, vqa!.questions.length, vqa!.types]).toEqual([2, 12, ['other']]);
    await closeValidation();
    await close();
    await expect(open(await openDataset(folder), config({ validation: 0.9 }))).rejects.toThrow(
      /has 4 pairs of an image and a caption, fewer than a batch of 6 in stage1/,
    );
  });
});

test('what cannot be used is listed, and too much of it is an error', async () => {
  await inFolder(async (folder) => {
    const shapes = await drawShapes(20);
    await writeShapes(folder, 'jsonl', shapes);
    await writeFile(join(folder, shapes[3]!.file), shapes[3]!.png.subarray(0, 60));
    const data = imageTextData(await openDataset(folder), { workers: 0 });
    const notes: string[] = [];
    const out = join(folder, 'out');
    await mkdir(out);
    const context = async (chosen: ImageTextConfig) => {
      const encoder = { vision: vision({ images: 0 }), fingerprint: 'mean' };
      const tokenizer = await loadTokenizer(fileURLToPath(starterUrl('bert')));
      const parts = await compose({ vision: encoder.vision, text: { tokenizer }, qformer: chosen.qformer });
      return { encoder, parts, out, reporter: { ...silent, note: (text: string) => notes.push(text) } };
    };
    for (const featureCache of [true, false]) {
      const strict = config({ featureCache });
      await expect(data.openTraining(strict, await context(strict))).rejects.toThrow(
        /^1 of 20 items of '.*' were left out, more than the share of 0.01 allows \('images\/.*\.png': .* lists them: repair them, or raise the share \(--max-skipped\)\.$/,
      );
      const listed = (await readFile(join(out, 'skipped.jsonl'), 'utf8')).trim().split('\n');
      expect(listed.map((line) => JSON.parse(line).id)).toEqual([shapes[3]!.file]);
      const loose = config({ featureCache, maxSkipped: 0.1 });
      const opened = featured(await data.openTraining(loose, await context(loose)));
      const batch = await opened.stage1(at(0));
      expect(batch.features.shape[0]).toBe(6);
      tf.dispose(Object.values(batch));
      await opened.close();
      expect(notes.at(-1)).toContain('1 of 20 items');
    }
  });
});

const item = (id: string): ImageTextItem => ({
  id,
  captions: ['a'],
  questions: [],
  read: async () => new Uint8Array(),
});

test('a split depends on the seed and the ids alone', () => {
  const items = Array.from({ length: 300 }, (_, i) => item(`${i}.png`));
  const { train, held } = split(items, { share: null, seed: 1 });
  expect([train.length, held.length]).toEqual([285, 15]);
  expect(new Set([...train, ...held]).size).toBe(300);
  const other = split([...items].reverse(), { share: null, seed: 1 });
  expect(new Set(other.held.map(({ id }) => id))).toEqual(new Set(held.map(({ id }) => id)));
  expect(split(items, { share: null, seed: 2 }).held).not.toEqual(held);
  expect(split(items.slice(0, 60), { share: null, seed: 1 }).held).toEqual([]);
  expect(split(items.slice(0, 60), { share: 0.05, seed: 1 }).held.length).toBe(3);
});

test('values are prepared ahead of their position, once, and failures are told to who asks', async () => {
  const started: number[] = [];
  const values = ahead(async (position) => {
    started.push(position);
    if (position === 3) throw new Error('no third');
    return position * 10;
  }, 2);
  expect(await values.at(0)).toBe(0);
  expect(started).toEqual([0, 1, 2]);
  expect(await values.at(1)).toBe(10);
  expect(await values.at(2)).toBe(20);
  await expect(values.at(3)).rejects.toThrow('no third');
  expect(started).toEqual([0, 1, 2, 3, 4, 5]);
  expect(await values.at(40)).toBe(400);
});

test('worker threads decode as this thread does, and tell what cannot be decoded', async () => {
  const [shape] = await drawShapes(1);
  const plan = {
    processor: { size: { width: SIZE, height: SIZE }, filter: 'bicubic' as const },
    orient: true,
    train: { size: SIZE, augment: {} },
  };
  const [here, there] = [decodePool(0), decodePool(2)];
  for (const seed of [1, 2]) {
    const job = { bytes: shape!.png, plan, seed };
    expect(await there.decode(job)).toEqual(await here.decode(job));
  }
  await expect(there.decode({ bytes: new Uint8Array(9), plan, seed: 0 })).rejects.toThrow('not an image');
  const pending = there.decode({ bytes: shape!.png, plan, seed: 3 });
  pending.catch(() => {});
  await there.close();
  await here.close();
});

test('a process that waits for nothing but the end of its threads goes on afterwards', async () => {
  const module = JSON.stringify(new URL('./decode-pool.ts', import.meta.url).href);
  const job = "{ bytes: new Uint8Array(9), plan: { processor: { filter: 'bicubic' }, orient: true }, seed: 0 }";
  const script = `const { decodePool } = await import(${module});
    const pool = decodePool(1);
    await pool.decode(${job}).catch(() => {});
    pool.decode(${job}).catch(() => {});
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000); // its answer has come, and is read while it closes
    await pool.close();
    console.log('closed');`;
  const flags = ['--conditions=@blip2/source', '--import', 'tsx', '--input-type=module'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '-e', script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  expect(stdout).toBe('closed\n');
});
