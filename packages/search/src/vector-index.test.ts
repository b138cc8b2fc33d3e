import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { rng } from '@blip2/tensor';
import { expectNoLeak, inFolder } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { approximateIndex } from './approximate-index.js';
import { exactIndex, type ImageVectors } from './vector-index.js';

beforeAll(() => tf.setBackend('cpu'));

const next = rng(5);
function unit(width: number): number[] {
  const row = Array.from({ length: width }, () => 2 * next() - 1);
  const norm = Math.hypot(...row);
  return row.map((x) => x / norm);
}

function images(length: number, { queries = 3, width = 16, blockSize = 64 } = {}) {
  const rows = Array.from({ length }, () => Array.from({ length: queries }, () => unit(width)));
  const read: number[] = [];
  const vectors: ImageVectors = {
    length,
    queries,
    width,
    blockSize,
    async block(index) {
      read.push(index);
      return Float32Array.from(rows.slice(index * blockSize, (index + 1) * blockSize).flat(2));
    },
  };
  /** The best by plain loops. */
  const nearest = (query: readonly number[], k: number) =>
    rows
      .map((own, image) => ({
        image,
        score: Math.max(...own.map((v) => v.reduce((sum, x, i) => sum + x * query[i]!, 0))),
      }))
      .sort((a, b) => b.score - a.score)
      .slice(0, k);
  return { vectors, nearest, read };
}

test('the exact index finds what plain loops find, over several blocks, and reads each once', async () => {
  const { vectors, nearest, read } = images(150);
  const query = unit(16);
  await expectNoLeak(async () => {
    const found = await exactIndex(vectors).search(Float32Array.from(query), 12);
    const wanted = nearest(query, 12);
    expect(found.map(({ image }) => image)).toEqual(wanted.map(({ image }) => image));
    for (const [i, { score }] of found.entries()) expect(score).toBeCloseTo(wanted[i]!.score, 6);
  });
  expect(read.slice(0, 3)).toEqual([0, 1, 2]);
  expect(await exactIndex(vectors).search(Float32Array.from(query), 500)).toHaveLength(150);
});

test('the approximate index finds nearly all of the nearest, with their exact scores', async () => {
  const { vectors, nearest } = images(2000, { blockSize: 512 });
  const index = await approximateIndex(vectors);
  let hits = 0;
  for (let i = 0; i < 20; i++) {
    const query = unit(16);
    const wanted = new Map(nearest(query, 10).map(({ image, score }) => [image, score]));
    const found = await index.search(Float32Array.from(query), 10);
    expect(found).toHaveLength(10);
    for (const { image, score } of found) {
      if (!wanted.has(image)) continue;
      hits++;
      expect(score).toBeCloseTo(wanted.get(image)!, 5);
    }
  }
  expect(hits / 200).toBeGreaterThan(0.97);
  expect(await index.search(Float32Array.from(unit(16)), 5000)).toHaveLength(2000);
});

test('a graph is kept, found again, and refused for other vectors', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'graph.usearch');
    const { vectors } = images(100);
    const query = Float32Array.from(unit(16));
    const made = await (await approximateIndex(vectors, { path })).search(query, 5);
    const unread = { ...vectors, block: (i: number) => vectors.block(i) };
    expect(await (await approximateIndex(unread, { path })).search(query, 5)).toEqual(made);
    await expect(approximateIndex(images(101).vectors, { path })).rejects.toThrow('is the graph of other vectors');
    await rm(path);
  });
});
