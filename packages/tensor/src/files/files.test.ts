import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  isFile,
  isFolder,
  openTemporaryValues,
  readConfigJson,
  readGenerationJson,
  readJson,
  toPath,
} from './index.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'files-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('a file: URL is accepted like a path', async () => {
  const path = join(folder, 'a b.json');
  await writeFile(path, '{"a": 1}');
  for (const given of [path, pathToFileURL(path)]) {
    expect(toPath(given)).toBe(path);
    expect(await isFile(given)).toBe(true);
    expect(await isFolder(given)).toBe(false);
    expect(await readJson(given)).toEqual({ a: 1 });
  }
  expect(await isFolder(pathToFileURL(folder))).toBe(true);
  expect(() => toPath(new URL('https://example.com/a'))).toThrow(
    "'https://example.com/a' is not a file: URL; give a path or a file: URL.",
  );
});

test('JSON that is absent is undefined, and anything but a JSON object is an error', async () => {
  expect(await readJson(join(folder, 'none.json'))).toBeUndefined();
  await expect(readJson(folder)).rejects.toThrow(`${folder} is not a regular file`);
  const path = join(folder, 'list.json');
  await writeFile(path, '[1]');
  await expect(readJson(path)).rejects.toThrow(`${path} is not a JSON object`);
  await writeFile(path, ' '.repeat(10_000_001));
  await expect(readJson(path)).rejects.toThrow('has 10000001 bytes, more than 10000000');
});

test("a model folder's configuration is read, and its absence is an error that names it", async () => {
  const url = pathToFileURL(folder);
  await expect(readConfigJson(folder)).rejects.toThrow(`There is no config.json in the folder '${folder}'`);
  await expect(readConfigJson(join(folder, 'none'))).rejects.toThrow(`There is no folder '${join(folder, 'none')}'`);
  expect(await readGenerationJson(url)).toBeUndefined();
  await writeFile(join(folder, 'config.json'), '{"model_type": "opt"}');
  await writeFile(join(folder, 'generation_config.json'), '{"bos_token_id": 2}');
  expect(await readConfigJson(url)).toEqual({ model_type: 'opt' });
  expect(await readGenerationJson(folder)).toEqual({ bos_token_id: 2 });
});

test('temporary values are read as they were stored, in any order, and the file is removed', async () => {
  const values = await openTemporaryValues(pathToFileURL(join(folder, 'out.bin')));
  const first = await values.store(Float32Array.of(1, -0, Number.NaN).subarray(1));
  const empty = await values.store(new Float32Array(0));
  const last = await values.store(Float32Array.of(0.5));
  expect([...(await last())]).toEqual([0.5]);
  expect([...(await empty())]).toEqual([]);
  expect([...(await first())]).toEqual([-0, Number.NaN]);
  expect(await readdir(folder)).toHaveLength(1);
  await values.close();
  expect(await readdir(folder)).toEqual([]);
});

test('temporary values need a folder that exists', async () => {
  const path = join(folder, 'none', 'out.bin');
  await expect(openTemporaryValues(path)).rejects.toThrow(`Nothing can be written next to '${path}' (ENOENT)`);
});
