import { open, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { type EncodedBatch, featureShards, itemsTogether, type ShardOptions } from './feature-shards.js';

const SHAPE = [2, 3] as const;
const BROKEN = new Set([1, 40, 41]);

/** Values that half precision holds exactly. */
const values = (item: number, view: number): number[] => [item, view, -item, 0.5, 1 / 64, item + view];

/** Encodes items, and records which. */
function counting(calls: [number, number][], fail?: (first: number) => void) {
  return async (first: number, end: number): Promise<EncodedBatch> => {
    fail?.(first);
    calls.push([first, end]);
    return {
      shape: SHAPE,
      items: Array.from({ length: end - first }, (_, i) =>
        BROKEN.has(first + i)
          ? { reason: `no image ${first + i}` }
          : { views: [0, 1].map((view) => Float32Array.from(values(first + i, view))) },
      ),
    };
  };
}

const halves = async (options: ShardOptions, indices: readonly number[]): Promise<number[]> => {
  const shards = await featureShards(options);
  const read = await shards.read(indices);
  await shards.close();
  return [...read];
};

test('features are kept in shards, of all views, without what could not be encoded', async () => {
  await inFolder(async (folder) => {
    const calls: [number, number][] = [];
    const progress: number[] = [];
    const options = { folder: join(folder, 'f'), count: 1100, views: 2, encode: counting(calls) };
    const shards = await featureShards({ ...options, onProgress: (done) => progress.push(done) });
    expect(itemsTogether(2)).toBe(16);
    expect(calls.slice(0, 2)).toEqual([
      [0, 16],
      [16, 32],
    ]);
    expect([calls.at(-1), progress.at(-1)]).toEqual([[1088, 1100], 1100]);
    expect((await readdir(options.folder)).sort()).toEqual([
      ...[0, 1, 2].flatMap((i) => [`0000${i}.f16`, `0000${i}.jsonl`]),
    ]);
    expect(shards.shape).toEqual(SHAPE);
    expect(shards.kept.length).toBe(1097);
    expect(shards.skipped).toEqual([1, 40, 41].map((item) => ({ item, reason: `no image ${item}` })));
    const place = shards.kept.indexOf(600);
    const read = await shards.read([2 * place + 1, 0, 2 * 1096]);
    const { float16ToFloat32 } = await import('@blip2/tensor/safetensors');
    const floats = new Float32Array(read.length);
    float16ToFloat32(read, floats);
    expect([...floats]).toEqual([...values(600, 1), ...values(0, 0), ...values(1099, 0)]);
    await expect(shards.read([2194])).rejects.toThrow('no features 2194 among 2194');
    await shards.close();
    const again: [number, number][] = [];
    await halves({ ...options, encode: counting(again) }, [0]);
    expect(again).toEqual([]);
  });
});

test('an interrupted run goes on after the last whole batch, and gives the same features', async () => {
  await inFolder(async (folder) => {
    const whole = { folder: join(folder, 'whole'), count: 70, views: 2, encode: counting([]) };
    const all = Array.from({ length: 134 }, (_, i) => i);
    const expected = await halves(whole, all);
    const broken = { ...whole, folder: join(folder, 'broken') };
    for (const stop of [0, 32, 64]) {
      const encode = counting([], (first) => {
        if (first >= stop) throw new Error('stopped');
      });
      await expect(featureShards({ ...broken, encode })).rejects.toThrow('stopped');
    }
    // what a killed process leaves: half a record, and half a line
    for (const [name, tail] of [
      ['00000.f16', 'xxxxx'],
      ['00000.jsonl', '{"items":16,"ski'],
    ] as const) {
      const file = await open(join(broken.folder, name), 'a');
      await file.writeFile(tail);
      await file.close();
    }
    const calls: [number, number][] = [];
    expect(await halves({ ...broken, encode: counting(calls) }, all)).toEqual(expected);
    expect(calls).toEqual([[64, 70]]);
    expect(await readFile(join(broken.folder, '00000.f16'))).toEqual(await readFile(join(whole.folder, '00000.f16')));
  });
});

test('what does not agree with its checksum is computed again', async () => {
  await inFolder(async (folder) => {
    const options = { folder, count: 70, views: 2, encode: counting([]) };
    const all = Array.from({ length: 134 }, (_, i) => i);
    const expected = await halves(options, all);
    const path = join(folder, '00000.f16');
    const damages: [damage: (bytes: Buffer) => Promise<void>, from: number][] = [
      [(bytes) => writeFile(path, bytes.fill(7, 500, 501)), 16],
      [() => truncate(path, 300), 0],
      [() => writeFile(join(folder, '00000.jsonl'), 'null\n[]\n'), 0],
    ];
    for (const [damage, from] of damages) {
      await damage(await readFile(path));
      const calls: [number, number][] = [];
      const notes: string[] = [];
      const encode = counting(calls);
      expect(await halves({ ...options, encode, onNote: (text) => notes.push(text) }, all)).toEqual(expected);
      expect(calls[0]).toEqual([from, from + 16]);
      expect(notes).toEqual([expect.stringContaining('damaged')]);
    }
  });
});

test('a folder that a running process writes is refused, and one of a process that has ended is not', async () => {
  await inFolder(async (folder) => {
    const options = { folder, count: 3, views: 1, encode: counting([]) };
    await writeFile(join(folder, 'writing'), String(process.ppid));
    await expect(featureShards(options)).rejects.toThrow(`The process ${process.ppid} is writing the features`);
    await writeFile(join(folder, 'writing'), '2147483646');
    await (
      await featureShards({
        ...options,
        encode: async () => ({ shape: SHAPE, items: [0, 1, 2].map(() => ({ reason: 'x' })) }),
      })
    ).close();
    expect(await readdir(folder)).not.toContain('writing');
  });
});
