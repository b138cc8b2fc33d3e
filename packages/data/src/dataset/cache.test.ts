import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { type CacheManifest, cacheKey, FeatureCache } from './cache.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-cache-'));
});
afterAll(() => rm(folder, { recursive: true }));

const manifest = (extra: Partial<CacheManifest> = {}): CacheManifest => ({
  key: 'k',
  dtype: 'float32',
  shape: [2, 2],
  length: 3,
  ...extra,
});
const record = (index: number): number[] => [index, index + 0.1, -index, 100 * index];

test('records come back by number and all at once', async () => {
  const path = join(folder, 'deep', 'features');
  const cache = await FeatureCache.write(path, manifest(), record);
  expect(cache.length).toBe(3);
  expect(await cache.read([2, 0])).toEqual(Float32Array.from([...record(2), ...record(0)]));
  const byUrl = await FeatureCache.open(pathToFileURL(path), 'k');
  expect(byUrl?.length).toBe(3);
  await byUrl?.close();
  expect(await cache.readAll()).toEqual(Float32Array.from([0, 1, 2].flatMap(record)));
  await expect(cache.read([3])).rejects.toThrow('no record 3 among 3');
  await cache.close();
  expect((await readdir(join(folder, 'deep'))).sort()).toEqual(['features', 'features.json']);
});

test('half precision and bytes', async () => {
  const half = await FeatureCache.write(join(folder, 'half'), manifest({ dtype: 'float16' }), record);
  const values = await half.read([1]);
  expect(values[1]).toBeCloseTo(1.1, 3);
  expect([values[0], values[2], values[3]]).toEqual([1, -1, 100]);
  await half.close();
  const bytes = await FeatureCache.write(join(folder, 'bytes'), manifest({ dtype: 'uint8' }), (i) => [i, 7, 8, 255]);
  expect([...(await bytes.read([1, 2]))]).toEqual([1, 7, 8, 255, 2, 7, 8, 255]);
  await bytes.close();
});

test('none, another key, and one that was cut off do not count', async () => {
  const path = join(folder, 'other');
  expect(await FeatureCache.open(path, 'k')).toBeUndefined();
  await (await FeatureCache.write(path, manifest(), record)).close();
  expect(await FeatureCache.open(path, 'another')).toBeUndefined();
  await truncate(path, 40);
  await expect(FeatureCache.open(path, 'k')).rejects.toThrow('has 40 bytes and its manifest says 48');
  const failing = FeatureCache.write(path, manifest(), (i) => (i === 1 ? [1] : record(i)));
  await expect(failing).rejects.toThrow('Record 1 has 1 values instead of shape [2,2]');
  expect(await FeatureCache.open(path, 'k')).toBeUndefined();
});

test('keys change with anything', async () => {
  const key = await cacheKey('vit', { size: 224 }, [1, 2]);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await cacheKey('vit', { size: 224 }, [1, 2])).toBe(key);
  expect(await cacheKey('vit', { size: 225 }, [1, 2])).not.toBe(key);
});

test('keys are those of SHA-256, without WebCrypto too', async () => {
  const without = jest.replaceProperty(globalThis, 'crypto', undefined as unknown as Crypto);
  try {
    const parts = ['ä', { weights: 1 }];
    expect(await cacheKey(...parts)).toBe(createHash('sha256').update(JSON.stringify(parts)).digest('hex'));
  } finally {
    without.restore();
  }
});
