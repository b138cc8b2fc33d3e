import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  appendText,
  createFile,
  fileStatus,
  filesByPath,
  isFile,
  isFolder,
  join,
  listFolder,
  type MemoryFolder,
  makeFolder,
  memoryFolder,
  mountFolder,
  openTemporaryValues,
  openWeights,
  readJson,
  readReference,
  readText,
  removePath,
  renamePath,
  unmountFolder,
  writeBytes,
} from '../files/index.js';
import { openSafetensors, writeSafetensors, writeShardedSafetensors } from '../safetensors/index.js';

let folder: MemoryFolder;
let root: string;
beforeEach(() => {
  folder = memoryFolder([
    ['config.json', new TextEncoder().encode('{"a": 1}')],
    ['blip2/stage1/config.json', new Blob(['{"vision_config": {"folder": "../../vision"}}'])],
    ['vision/config.json', new Blob(['{}'])],
  ]);
  root = mountFolder(folder, { name: 'a model/of mine' });
});
afterEach(() => unmountFolder(root));

const namesIn = async (path: string): Promise<string[]> => (await listFolder(path)).map(({ name }) => name).sort();

test('a mounted folder is read by its path', async () => {
  expect(root).toBe('mount:a model-of mine');
  expect(await readJson(join(root, 'config.json'))).toEqual({ a: 1 });
  expect(await isFile(join(root, 'blip2/../config.json'))).toBe(true);
  expect(await isFolder(join(root, 'blip2'))).toBe(true);
  expect(await isFolder(root)).toBe(true);
  expect(await isFile(join(root, 'blip2'))).toBe(false);
  expect(await readJson(join(root, 'none.json'))).toBeUndefined();
  await expect(readJson(join(root, 'blip2'))).rejects.toThrow('is not a regular file');
  expect(await namesIn(root)).toEqual(['blip2', 'config.json', 'vision']);
  await expect(listFolder(join(root, 'config.json'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test('two folders of a name have two paths, and a path that was given back leads nowhere', async () => {
  const other = mountFolder(memoryFolder(), { name: 'a model/of mine' });
  expect(other).toBe('mount:a model-of mine-2');
  expect(await namesIn(other)).toEqual([]);
  unmountFolder(other);
  expect(await isFolder(other)).toBe(false);
  await expect(fileStatus(join(other, 'a'))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('references lead to folders beside the model, but not out of a download, and never above the root', async () => {
  const model = join(root, 'blip2/stage1');
  const part = { folder: '../../vision' };
  expect(await readReference(part, { model, key: 'vision_config' })).toEqual({
    folder: join(root, 'vision'),
    changes: {},
  });
  const up = readReference({ folder: '../../../../vision/none' }, { model, key: 'vision_config' });
  await expect(up).rejects.toThrow('holds no config.json');
  const downloaded = mountFolder(folder, { name: 'hub', downloaded: true });
  const refused = readReference(part, { model: join(downloaded, 'blip2/stage1'), key: 'vision_config' });
  await expect(refused).rejects.toThrow('a model from the hub must hold all of its parts');
  unmountFolder(downloaded);
});

test('weights are written to a mounted folder and read again, in one file and in shards', async () => {
  const entry = { name: 'w', dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) } as const;
  await writeSafetensors(join(root, 'vision/w.safetensors'), [entry]);
  const one = await openSafetensors(join(root, 'vision/w.safetensors'));
  expect([...(await one.read('w'))]).toEqual([1, 2]);
  await one.close();
  await writeShardedSafetensors(join(root, 'new'), [entry, { ...entry, name: 'v' }], { maxShardBytes: 8 });
  expect(await namesIn(join(root, 'new'))).toEqual([
    'model-00001-of-00002.safetensors',
    'model-00002-of-00002.safetensors',
    'model.safetensors.index.json',
  ]);
  const sharded = await openWeights(join(root, 'new'));
  expect([...(await sharded.read('v'))]).toEqual([1, 2]);
  await sharded.close();
  const failed = writeSafetensors(join(root, 'new/w.safetensors'), [{ ...entry, shape: [3] }]);
  await expect(failed).rejects.toThrow('takes 3 values, not 2');
  expect(await namesIn(join(root, 'new'))).toHaveLength(3);
});

test('files appear when they are committed; folders are renamed and removed with what they hold', async () => {
  const file = await createFile(join(root, 'new.txt'));
  await file.write(new TextEncoder().encode('one'));
  expect(await isFile(join(root, 'new.txt'))).toBe(false);
  await file.finish();
  await file.commit();
  await appendText(join(root, 'new.txt'), ', two');
  expect(await readText(join(root, 'new.txt'))).toBe('one, two');
  await makeFolder(join(root, 'deep/er'));
  expect(await isFolder(join(root, 'deep/er'))).toBe(true);
  await expect(makeFolder(join(root, 'new.txt/er'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await writeBytes(join(root, 'deep/er/x'), 'x');
  await renamePath(join(root, 'deep'), join(root, 'moved'));
  expect(await readText(join(root, 'moved/er/x'))).toBe('x');
  expect(await isFolder(join(root, 'deep'))).toBe(false);
  await removePath(join(root, 'moved'));
  await removePath(join(root, 'moved'));
  expect([...folder.files.keys()].sort()).toEqual([
    'blip2/stage1/config.json',
    'config.json',
    'new.txt',
    'vision/config.json',
  ]);
});

test('temporary values of a mounted folder are in memory', async () => {
  const values = await openTemporaryValues(join(root, 'out.bin'));
  const read = await values.store(Float32Array.of(1, 2).subarray(1));
  expect([...(await read())]).toEqual([2]);
  expect(await isFile(join(root, 'out.bin'))).toBe(false);
  await values.close();
});

test('files are named by their paths below the folder that holds all of them', () => {
  const file = (path: string): File =>
    Object.defineProperty(new File(['x'], path.split('/').at(-1)!), 'webkitRelativePath', { value: path });
  const paths = (...given: string[]): string[] => filesByPath(given.map(file)).map(([path]) => path);
  expect(paths('m/config.json', 'm/a/b.json')).toEqual(['config.json', 'a/b.json']);
  expect(paths('m/config.json', 'n/b.json')).toEqual(['m/config.json', 'n/b.json']);
  expect(filesByPath([new File(['x'], 'config.json')]).map(([path]) => path)).toEqual(['config.json']);
});
