import { join } from 'node:path';
import { blockSize } from '@blip2/backend-simd';
import { bind, dispose, param, zeros } from '@blip2/tensor';
import { type ByteSource, encodeSafetensors, openSafetensors } from '@blip2/tensor/safetensors';
import { fixture, json } from '@blip2/testing';
import { useBackend } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { fromPretrained } from '../blip2.js';
import { inspectModel } from './inspect.js';
import type { MemoryBudget } from './memory-budget.js';

beforeAll(() => useBackend({ backend: 'simd', threads: 1 }));

const photo = (name: string): string => fixture(`photos/${name}`);
const live = (): number => (tf.memory() as unknown as { heap: { live: number } }).heap.live;

/** A heap with room for what must be inside and for a share of the frozen parts. */
async function roomFor(folder: string, share: number): Promise<MemoryBudget> {
  const memory = (await inspectModel(folder))[0]!.memory!;
  const frozen = (memory.blocks.vision ?? 0) + (memory.blocks['language model'] ?? 0);
  const free = memory.inBlocks - frozen + 2 * blockSize(memory.largestFrozen) + share * frozen;
  return { heap: { free: Math.ceil(free), reserved: 0 }, system: 1e9 };
}

/** Bytes of the heap that a model takes, and what `use` makes of it. */
async function taken<T>(
  folder: string,
  memory: MemoryBudget | undefined,
  use: (model: Awaited<ReturnType<typeof fromPretrained>>) => Promise<T>,
): Promise<[bytes: number, made: T]> {
  const before = live();
  using model = await fromPretrained(folder, { memory });
  const bytes = live() - before;
  const made = await use(model);
  expect(live() - before).toBe(bytes);
  return [bytes, made];
}

test.each(['hf-opt', 'hf-t5'])('%s says the same when its frozen weights do not fit into the heap', async (name) => {
  type Golden = { cases: { prompt: string; beam: number[] }[] };
  const { cases } = await json<Golden>(join(fixture(name), 'golden.json'));
  const golden = cases[2]!;
  const say = (model: Awaited<ReturnType<typeof fromPretrained>>) =>
    model.caption(photo('chelsea.png'), { prompt: golden.prompt, maxNewTokens: 12 });
  const [whole, one] = await taken(fixture(name), undefined, say);
  const [some, two] = await taken(fixture(name), await roomFor(fixture(name), 0.5), say);
  const [least, three] = await taken(fixture(name), await roomFor(fixture(name), 0), say);
  expect(golden.beam.slice(-one.tokens.length)).toEqual(one.tokens);
  expect([two, three]).toEqual([one, one]);
  expect(some).toBeLessThan(0.9 * whole);
  expect(least).toBeLessThan(some);
});

test('hf-itm scores the same, its encoder outside the heap', async () => {
  const match = (model: Awaited<ReturnType<typeof fromPretrained>>) => model.match(photo('chelsea.png'), 'a cat');
  const [whole, one] = await taken(fixture('hf-itm'), undefined, match);
  const [less, two] = await taken(fixture('hf-itm'), await roomFor(fixture('hf-itm'), 0), match);
  expect(two).toEqual(one);
  expect(less).toBeLessThan(whole);
});

test('weights are read to where they stay, and a file that ends too soon leaves nothing behind', async () => {
  const [rows, columns] = [512, 4096];
  const data = Float32Array.from({ length: rows * columns }, (_, i) => (i % 509) / 256);
  const file = encodeSafetensors([{ name: 'weight', shape: [rows, columns], dtype: 'F16', data }]);
  const fileSource = (end: number): ByteSource => ({
    size: file.length,
    read: async (offset, length) => file.slice(offset, offset + length),
    readInto: async (target, offset) => {
      const bytes = file.subarray(offset, Math.min(end, offset + target.length));
      target.set(bytes);
      return bytes.length;
    },
    close: async () => {},
  });
  const spec = { weight: param([rows, columns], zeros) };
  const [heap, { arrayBuffers }] = [live(), process.memoryUsage()];
  const p = await bind(spec, await openSafetensors(fileSource(file.length)));
  expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(2 ** 20);
  expect(live() - heap).toBe(blockSize(4 * data.length));
  expect(p.weight.dataSync().findIndex((value, i) => value !== data[i])).toBe(-1);
  dispose(p);
  const short = openSafetensors(fileSource(file.length - 1));
  await expect(short.then((source) => bind(spec, source))).rejects.toThrow('bytes could be read');
  expect(live()).toBe(heap);
});
