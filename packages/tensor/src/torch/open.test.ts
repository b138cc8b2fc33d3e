import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fixture } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import { memorySource } from '../safetensors/bytes.js';
import { openTorch, TorchError } from './index.js';

interface Golden {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: number[];
}

const path = (file: string) => join(fixture('torch'), file);
let golden: Record<'model' | 'state', Record<string, Golden>>;
beforeAll(async () => {
  golden = JSON.parse(await readFile(path('golden.json'), 'utf8'));
});

test.each([
  ['zip.pth', 'model'],
  ['legacy.pth', 'model'],
  ['state.pth', 'state'],
  ['protocol4.pth', 'state'],
] as const)('%s: every tensor has the name, dtype, shape and values that torch gives', async (file, part) => {
  const source = await openTorch(path(file));
  const expected = new Map(Object.entries(golden[part]));
  expect([...source.names.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { dtype, shape, values }] of expected) {
    expect([name, source.names.get(name)]).toEqual([name, expect.objectContaining({ dtype, shape })]);
    expect([name, [...(await source.read(name))]]).toEqual([name, values.map(Math.fround)]);
  }
  await source.close();
  await expect(source.read('tied')).rejects.toThrow(/closed/);
});

test('tensors over untyped storages are read', async () => {
  const source = await openTorch(path('untyped.pth'));
  expect([...(await source.read('u16'))]).toEqual([1, 65535]);
  expect(source.names.get('f8')).toMatchObject({ dtype: 'F8_E4M3', shape: [1] });
  await expect(source.read('f8')).rejects.toThrow(
    /tensor "f8" is F8_E4M3, which has no conversion to float32; save it as float16\.$/,
  );
  await source.close();
});

test('path, URL, bytes, buffer and Blob give the same, and what was read belongs to the caller', async () => {
  const bytes = await readFile(path('zip.pth'));
  const own = Uint8Array.from(bytes);
  for (const given of [path('zip.pth'), pathToFileURL(path('zip.pth')), bytes, own, own.buffer, new Blob([own])]) {
    const source = await openTorch(given);
    (await source.read('views.base')).fill(9);
    expect((await source.read('views.base'))[5]).toBe(5);
    await source.close();
    await source.close();
  }
});

test("'root' says where the tensors are", async () => {
  const state = await openTorch(path('zip.pth'), { root: 'optimizer' });
  expect([...state.names.keys()]).toEqual(['state.0.step', 'state.0.exp_avg', 'state.0.exp_avg_sq']);
  const all = await openTorch(path('zip.pth'), { root: '' });
  expect(all.names.has('model.__proto__')).toBe(true);
  await Promise.all([state.close(), all.close()]);
  await expect(openTorch(path('zip.pth'), { root: 'net' })).rejects.toThrow(
    /zip\.pth: there are no tensors under "net"; its top-level keys are "model", "optimizer", .*; set 'root'/,
  );
  await expect(openTorch(path('zip.pth'), { root: 'config' })).rejects.toThrow(/no tensors under "config"/);
});

test.each(['zip.pth', 'legacy.pth'])(
  '%s: opening reads no data of tensors, reading one reads no more than it',
  async (file) => {
    const bytes = await readFile(path(file));
    const whole = memorySource(bytes);
    let taken: [number, number][] = [];
    const source = await openTorch({
      ...whole,
      read: async (at, length) => {
        taken.push([at, length]);
        return whole.read(at, length);
      },
    });
    taken = [];
    await source.read('views.rows');
    expect(taken.filter(([, length]) => length !== 30).map(([, length]) => length)).toEqual([48]); // 30: a header in the zip
  },
);

test('what is no file of torch.save is refused in a sentence', async () => {
  const refused = async (given: string | Uint8Array, message: RegExp) => {
    const opening = openTorch(given, { name: 'x.pth' });
    await expect(opening).rejects.toThrow(TorchError);
    await expect(opening).rejects.toThrow(message);
  };
  await refused(path('none.pth'), /none\.pth: it cannot be opened: there is no such file or folder; check the path\./);
  await refused(fixture('torch'), /not a regular file/);
  await refused(
    new Uint8Array(0),
    /^x\.pth: it is neither a zip archive nor a pickle; give a file written by torch\.save/,
  );
  await refused(new TextEncoder().encode('<!DOCTYPE html>'), /neither a zip archive nor a pickle/);
  await refused(join(fixture('stage1'), 'model.safetensors'), /use openSafetensors for safetensors files\.$/);
  await refused(new TextEncoder().encode('PK\x03\x04 and nothing'), /zip directory at its end is missing/);
});
