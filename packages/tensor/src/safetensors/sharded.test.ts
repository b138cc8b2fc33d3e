import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { SafetensorsError } from './errors.js';
import type { TensorData, TensorEntry } from './layout.js';
import { openSafetensors } from './open.js';
import { encodeSafetensors } from './write.js';
import { writeShardedSafetensors } from './write-sharded.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
afterEach(() => rm(folder, { recursive: true }));

const entry = (name: string, value: number): TensorEntry<TensorData> => ({
  name,
  dtype: 'F32',
  shape: [4],
  data: new Float32Array(4).fill(value),
});
const model = ['a', 'b', 'c', '__proto__'].map(entry);

test('a sharded folder reads as it was written', async () => {
  await writeShardedSafetensors(folder, model, { maxShardBytes: 40, metadata: { format: 'pt' } });
  const files = [
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ];
  expect((await readdir(folder)).sort()).toEqual(files);
  const index = JSON.parse(await readFile(join(folder, files[2]!), 'utf8'));
  expect(index.metadata).toEqual({ total_size: 64 });
  expect(index.weight_map.c).toBe(files[1]);
  for (const path of [folder, join(folder, files[2]!)]) {
    const source = await openSafetensors(path);
    expect([...source.names.keys()]).toEqual(['a', 'b', 'c', '__proto__']);
    expect(source.metadata.get('format')).toBe('pt');
    for (const [i, { name }] of model.entries()) expect([...(await source.read(name))]).toEqual([i, i, i, i]);
    expect((await source.readRaw('b')).bytes).toHaveLength(16);
    await expect(source.read('d')).rejects.toThrow(/no tensor "d"/);
    await source.close();
    await expect(source.read('a')).rejects.toThrow(/closed/);
  }
});

test('writing again removes the files of the earlier layout', async () => {
  await writeShardedSafetensors(folder, model, { maxShardBytes: 16 });
  expect(await readdir(folder)).toHaveLength(5);
  await writeShardedSafetensors(folder, model);
  expect(await readdir(folder)).toEqual(['model.safetensors']);
  await writeShardedSafetensors(folder, model, { maxShardBytes: 1 });
  expect(await readdir(folder)).toHaveLength(5);
  await writeShardedSafetensors(join(folder, 'new', 'folder'), []);
  const empty = await openSafetensors(join(folder, 'new', 'folder'));
  expect(empty.names.size).toBe(0);
  await empty.close();
});

const first = encodeSafetensors([entry('a', 0), entry('b', 1)]);
const second = encodeSafetensors([entry('c', 2)]);

function files(
  index: string,
  shards: Record<string, Uint8Array> = { '1.safetensors': first, '2.safetensors': second },
) {
  return new Map([
    ...Object.entries(shards),
    ['model.safetensors.index.json', new TextEncoder().encode(index)],
  ] as const);
}
const map = (c: string, rest = '') =>
  `"weight_map":{"a":"1.safetensors","b":"1.safetensors","c":${JSON.stringify(c)}${rest}}`;
const whole = map('2.safetensors');

test.each([
  ['no total', `{${whole}}`],
  ['a total', `{"metadata":{"total_size":48},${whole}}`],
  ['a byte-order mark', `\uFEFF{${whole}}`],
  ['a float total and more', `{"metadata":{"total_parameters":12,"total_size":48.0,"x":[{}]},"y":null,${whole}}`],
])('an index with %s is read', async (_, index) => {
  const source = await openSafetensors(files(index));
  expect([...(await source.read('c'))]).toEqual([2, 2, 2, 2]);
});

test('a tied tensor that a converter dropped reads the kept one', async () => {
  const tied = encodeSafetensors([entry('c', 2)], { metadata: { d: 'c', format: 'pt' } });
  const index = `{"metadata":{"total_size":64},${map('2.safetensors', ',"d":"2.safetensors"')}}`;
  const source = await openSafetensors(files(index, { '1.safetensors': first, '2.safetensors': tied }));
  expect(source.names.get('d')).toMatchObject({ shape: [4], dtype: 'F32' });
  expect([...(await source.read('d'))]).toEqual([2, 2, 2, 2]);
});

test.each<[string, Map<string, Uint8Array>, RegExp]>([
  ['no model', new Map(), /there is no model in this folder/],
  ['not JSON', files('<html>'), /not the JSON/],
  ['no weight_map', files('{}'), /missing or empty/],
  ['weight_map a list', files('{"weight_map":[]}'), /not the JSON/],
  ['a key twice', files(`{${map('2.safetensors', ',"c":"1.safetensors"')}}`), /"c" occurs twice/],
  [
    'a folder above',
    files(`{${map('../2.safetensors')}}`),
    /"\.\.\/2\.safetensors" of "c" is not in the index's folder/,
  ],
  ['the folder above', files(`{${map('..')}}`), /not in the index's folder/],
  ['an absolute path', files(`{${map('/etc/passwd')}}`), /not in the index's folder/],
  ['a Windows path', files(`{${map('C:\\x')}}`), /not in the index's folder/],
  ['no name', files(`{${map('')}}`), /not in the index's folder/],
  ['a missing shard', files(`{${map('3.safetensors')}}`), /1 shards are missing: "3.safetensors"/],
  ['a tensor not there', files(`{${map('2.safetensors', ',"e":"1.safetensors"')}}`), /does not contain the tensor "e"/],
  ['a tensor elsewhere', files(`{${map('1.safetensors')}}`), /does not contain the tensor "c"/],
  ['a tensor not listed', files('{"weight_map":{"a":"1.safetensors"}}'), /contains "b", which the index does not list/],
  [
    'a wrong total',
    files(`{"metadata":{"total_size":49},${whole}}`),
    /total_size is 49, but the shards contain 48 bytes/,
  ],
  ['a total as text', files(`{"metadata":{"total_size":"48"},${whole}}`), /a number is missing/],
  ['deep nesting', files(`{"x":${'['.repeat(1e5)}`), /nested more than 32/],
  [
    'a damaged shard',
    files(`{${whole}}`, { '1.safetensors': first.subarray(1), '2.safetensors': second }),
    /1\.safetensors: /,
  ],
])('refused: %s', async (_, given, message) => {
  const opened = openSafetensors(given, { name: 'model' });
  await expect(opened).rejects.toThrow(SafetensorsError);
  await expect(opened).rejects.toThrow(message);
});

test('every file is closed when the folder is refused', async () => {
  let open = 0;
  const counted = (bytes: Uint8Array) => ({
    size: bytes.length,
    read: async (at: number, length: number) => bytes.slice(at, at + length),
    close: async () => {
      open--;
    },
  });
  const given = [...files(`{${map('3.safetensors')}}`)].map(([name, bytes]) => {
    open++;
    return [name, counted(bytes)] as const;
  });
  await expect(openSafetensors(new Map(given))).rejects.toThrow(/missing/);
  expect(open).toBe(1); // the second shard, which nothing named
});
