import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { openDataset } from '../open.js';
import { drawImage, lines, readAll, writeFiles } from '../test-support/files.js';

const named = (count: number): string[] => Array.from({ length: count }, (_, i) => `${i}.png`);

async function folderOf(root: string, count: number): Promise<string> {
  const bytes = await drawImage('a.png');
  const files = Object.fromEntries(named(count).map((name) => [name, bytes]));
  const rows = named(count).map((name) => ({ file_name: name, captions: [`picture ${name}`, `image ${name}`] }));
  return writeFiles(root, { ...files, 'captions.jsonl': lines(...rows, { file_name: 'no.png', caption: 'x' }) });
}

test('shuffling is a function of the seed, and each process has its part', () =>
  inFolder(async (root) => {
    const data = await openDataset(await folderOf(root, 11));
    const ids = async (options: Parameters<typeof data.items>[0]) => (await readAll(data, options)).ids;
    expect(await ids({})).toEqual(named(11));
    const shuffled = await ids({ shuffle: { seed: 1, buffer: 4 } });
    expect(shuffled).not.toEqual(named(11));
    expect([...shuffled].sort()).toEqual(named(11).sort());
    expect(await ids({ shuffle: { seed: 1, buffer: 4 } })).toEqual(shuffled);
    expect(await ids({ shuffle: { seed: 2, buffer: 4 } })).not.toEqual(shuffled);
    const parts = await Promise.all(
      [0, 1, 2].map((rank) => readAll(data, { shuffle: { seed: 1, buffer: 4 }, shard: { rank, size: 3 } })),
    );
    expect(parts.map((part) => part.ids.length)).toEqual([4, 4, 3]);
    expect(parts.flatMap((part) => part.ids).sort()).toEqual(named(11).sort());
    expect(parts.map(({ skipped }) => Object.keys(skipped))).toEqual([['no.png'], [], []]);
    await expect(ids({ shard: { rank: 3, size: 3 } })).rejects.toThrow('There is no part 3 of 3;');
    await expect(ids({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  }));

test('a validation share follows the ids, whatever is added', () =>
  inFolder(async (root) => {
    const split = async (count: number, split: 'train' | 'validation') =>
      (await readAll(await openDataset(await folderOf(root, count), { split, validation: 0.2 }))).ids;
    const [train, validation] = [await split(60, 'train'), await split(60, 'validation')];
    expect([...train, ...validation].sort()).toEqual(named(60).sort());
    expect(validation.length).toBeGreaterThan(5);
    expect(validation.length).toBeLessThan(20);
    const later = await split(80, 'validation');
    expect(later.filter((id) => named(60).includes(id))).toEqual(validation);
    const open = (options: Parameters<typeof openDataset>[1]) => openDataset(root, options);
    expect((await open({ split: 'train' })).length).toBe(80);
    await expect(open({ split: 'validation' })).rejects.toThrow(
      "has no split 'validation'; it has none: give a share for 'validation', or choose another split.",
    );
    await expect(open({ split: 'test', validation: 0.1 })).rejects.toThrow("has no split 'test'; it has none.");
    await expect(open({ split: 'train', validation: 5 })).rejects.toThrow('validation is 5; give a share');
  }));

test('the fingerprint follows images, texts and choice', () =>
  inFolder(async (root) => {
    const print = async (options = {}) => (await openDataset(await root, options)).fingerprint;
    await folderOf(root, 12);
    const first = await print();
    expect(await print()).toBe(first);
    expect(await print({ split: 'train', validation: 0.5 })).not.toBe(first);
    await utimes(join(root, '3.png'), 1, 1);
    const touched = await print();
    expect(touched).not.toBe(first);
    await writeFiles(root, { 'captions.jsonl': lines({ file_name: '3.png', caption: 'other' }) });
    expect(await print()).not.toBe(touched);
  }));
