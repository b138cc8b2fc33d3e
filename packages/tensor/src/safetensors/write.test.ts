import fs from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { SafetensorsError } from './errors.js';
import type { TensorData, TensorEntry } from './layout.js';
import { openSafetensors } from './open.js';
import { encodeSafetensors, writeSafetensors } from './write.js';
import { writeShardedSafetensors } from './write-sharded.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
  path = join(folder, 'w.safetensors');
});
afterEach(async () => {
  jest.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const weight: TensorEntry<TensorData> = { name: 'w', dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) };

const shapes = fc.array(fc.nat(4), { maxLength: 4 });
const entries = fc.uniqueArray(
  fc.record({
    name: fc.string({ unit: 'grapheme' }),
    shape: shapes,
    kind: fc.constantFrom('F32', 'I32', 'U8'),
    seed: fc.nat(),
  }),
  { selector: ({ name }) => name, maxLength: 8 },
);

function make({
  name,
  shape,
  kind,
  seed,
}: {
  name: string;
  shape: number[];
  kind: string;
  seed: number;
}): TensorEntry<TensorData> {
  const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => (seed + i * 7919) % 251);
  if (kind === 'I32') return { name, shape, dtype: 'I32', data: Int32Array.from(values) };
  if (kind === 'U8') return { name, shape, dtype: 'U8', data: Uint8Array.from(values) };
  return { name, shape, dtype: 'F32', data: Float32Array.from(values) };
}

test('what is written is read', async () => {
  const texts = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 });
  await fc.assert(
    fc.asyncProperty(entries, texts, async (given, metadata) => {
      const made = given.filter(({ name }) => name !== '__metadata__').map(make);
      const bytes = encodeSafetensors(made, { metadata });
      expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n);
      const source = await openSafetensors(bytes);
      expect(Object.fromEntries(source.metadata)).toEqual({ ...metadata });
      expect(source.names.size).toBe(made.length);
      for (const { name, shape, dtype, data } of made) {
        expect(source.names.get(name)).toMatchObject({ shape, dtype });
        expect([...(await source.read(name))]).toEqual([...data]);
      }
    }),
    { numRuns: 200, seed: 3 },
  );
});

test('file and memory hold the same bytes; data may be arrays, functions or promises', async () => {
  const half: TensorEntry<TensorData> = {
    name: 'h',
    dtype: 'F16',
    shape: [3],
    data: Float32Array.of(1, 65520, 2 ** -24),
  };
  const brain: TensorEntry<TensorData> = {
    name: 'b',
    dtype: 'BF16',
    shape: [1, 1],
    data: Float32Array.of(1 + 3 * 2 ** -8),
  };
  async function* lazily() {
    yield { ...half, data: () => half.data };
    yield { ...brain, data: async () => brain.data };
    yield weight;
  }
  await writeSafetensors(path, lazily(), { metadata: { format: 'pt' } });
  const bytes = encodeSafetensors([half, brain, weight], { metadata: { format: 'pt' } });
  expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
  const source = await openSafetensors(path);
  expect([...(await source.read('h'))]).toEqual([1, Infinity, 2 ** -24]);
  expect([...(await source.read('b'))]).toEqual([1 + 2 ** -6]);
  expect([...source.names.keys()]).toEqual(['w', 'h', 'b']); // larger elements first: all are aligned
  expect(await readdir(folder)).toEqual(['w.safetensors']);
  await source.close();
});

test('a view into a larger array writes its own part', async () => {
  const data = Float32Array.of(0, 1, 2, 3).subarray(1, 3);
  expect(encodeSafetensors([{ ...weight, data }])).toEqual(encodeSafetensors([weight]));
});

test.each<[string, readonly TensorEntry[], RegExp]>([
  ['name twice', [weight, weight], /"w" cannot be written: the name occurs twice/],
  ['reserved name', [{ ...weight, name: '__metadata__' }], /the name occurs twice/],
  ['negative shape', [{ ...weight, shape: [-2] }], /shape \[-2\]/],
  ['fraction', [{ ...weight, shape: [0.5, 4] }], /not made of whole numbers/],
  ['too few values', [{ ...weight, shape: [3] }], /\[3\] takes 3 values, not 2/],
  ['another type', [{ ...weight, dtype: 'I32' }], /I32 takes a Int32Array, not a Float32Array/],
  ['late data of another size', [{ ...weight, data: async () => new Float32Array(3) }], /takes 2 values, not 3/],
  [
    'data that fail',
    [weight, { ...weight, name: 'v', data: () => Promise.reject(new Error('gone')) }],
    /"v" failed: gone/,
  ],
])('refused: %s; nothing is left', async (_, given, message) => {
  await writeFile(path, 'before');
  const written = writeSafetensors(path, given);
  await expect(written).rejects.toThrow(SafetensorsError);
  await expect(written).rejects.toThrow(message);
  expect(await readdir(folder)).toEqual(['w.safetensors']);
  expect(await readFile(path, 'utf8')).toBe('before');
});

/** Lets `bytes` be written, then the disk is full. */
function fillDisk(bytes: number): void {
  const open = fs.promises.open;
  let left = bytes;
  jest.spyOn(fs.promises, 'open').mockImplementation(async (...args) => {
    const handle = await open(...args);
    const write = handle.write.bind(handle);
    const full = async (buffer: Uint8Array, at: number, length: number) => {
      if (left === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      const some = Math.min(length, left);
      left -= some;
      return write(buffer, at, some);
    };
    return Object.assign(handle, { write: full });
  });
}

test.each([0, 10, 100, 5000])(
  'a disk full after %i bytes: one clear error, no temporary file, the old file stays',
  async (bytes) => {
    await writeFile(path, 'before');
    fillDisk(bytes);
    const large: TensorEntry = { name: 'large', dtype: 'F16', shape: [4096], data: new Float32Array(4096) };
    const written = writeSafetensors(path, [large]);
    await expect(written).rejects.toThrow(SafetensorsError);
    await expect(written).rejects.toThrow(/w\.safetensors: it could not be written: the disk is full; /);
    expect(await readdir(folder)).toEqual(['w.safetensors']);
    expect(await readFile(path, 'utf8')).toBe('before');
  },
);

test('short writes are continued', async () => {
  const open = fs.promises.open;
  jest.spyOn(fs.promises, 'open').mockImplementation(async (...args) => {
    const handle = await open(...args);
    const write = handle.write.bind(handle);
    const short = (buffer: Uint8Array, at: number, length: number) => write(buffer, at, Math.min(length, 7));
    return Object.assign(handle, { write: short });
  });
  await writeSafetensors(path, [weight]);
  expect(Buffer.compare(await readFile(path), encodeSafetensors([weight]))).toBe(0);
});

test('a folder that is not there, and a rename that fails, leave nothing', async () => {
  const nowhere = join(folder, 'none', 'w.safetensors');
  await expect(writeSafetensors(nowhere, [weight])).rejects.toThrow(/no such file or folder/);
  const taken = join(folder, 'taken');
  await mkdir(taken);
  await expect(writeSafetensors(taken, [weight])).rejects.toThrow(SafetensorsError);
  expect(await readdir(folder)).toEqual(['taken']);
});

test('an abort removes the temporary file and throws its reason', async () => {
  const controller = new AbortController();
  const late = () => {
    controller.abort(new Error('enough'));
    return Float32Array.of(1, 2);
  };
  const written = writeSafetensors(path, [{ ...weight, data: late }], { signal: controller.signal });
  await expect(written).rejects.toThrow(/^enough$/);
  expect(await readdir(folder)).toEqual([]);
});

test('a full disk while writing shards leaves the old model as it was', async () => {
  await writeShardedSafetensors(folder, [weight]);
  fillDisk(300);
  const many = ['a', 'b', 'c'].map((name) => ({ ...weight, name, shape: [64], data: new Float32Array(64) }));
  await expect(writeShardedSafetensors(folder, many, { maxShardBytes: 256 })).rejects.toThrow(/the disk is full/);
  expect(await readdir(folder)).toEqual(['model.safetensors']);
});

test('file: URLs are written to and read from; other URLs are errors', async () => {
  await writeSafetensors(pathToFileURL(path), [weight]);
  const source = await openSafetensors(pathToFileURL(path));
  expect([...(await source.read('w'))]).toEqual([1, 2]);
  await source.close();
  const shards = pathToFileURL(join(folder, 'a model'));
  await writeShardedSafetensors(shards, [weight, { ...weight, name: 'v' }], { maxShardBytes: 8 });
  const sharded = await openSafetensors(shards);
  expect([...sharded.names.keys()].sort()).toEqual(['v', 'w']);
  await sharded.close();
  const remote = new URL('https://example.com/w.safetensors');
  const problem = `${remote.href}: this is not a file: URL; give a path or a file: URL.`;
  await expect(openSafetensors(remote)).rejects.toThrow(problem);
  await expect(writeSafetensors(remote, [weight])).rejects.toThrow(problem);
});
