import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readReference } from './index.js';

let root: string;
const at = (...names: string[]): string => join(root, ...names);
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'reference-'));
  for (const folder of [at('vision'), at('models--a--b/snapshots/0f'), at('blip2/stage1')]) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'config.json'), '{}');
  }
  await symlink(at('models--a--b/snapshots/0f'), at('linked'));
});
afterAll(() => rm(root, { recursive: true }));

const read = (part: unknown, model = at('blip2/stage1'), allowed = ['output_stride']) =>
  readReference(part, { model, key: 'vision_config', allowed });

test('a reference is a path relative to the model, and keys that it changes', async () => {
  expect(await read({ folder: '../../vision' })).toEqual({ folder: at('vision'), changes: {} });
  expect(await read({ folder: '../../vision', output_stride: 16 })).toEqual({
    folder: at('vision'),
    changes: { output_stride: 16 },
  });
  for (const other of [undefined, null, 3, {}, { model_type: 'vit' }, ['folder']]) {
    expect(await read(other)).toBeUndefined();
  }
});

test.each<[string, unknown, string?]>([
  ['which is no relative path', { folder: '/vision' }],
  ['which is no relative path', { folder: 'C:\\vision' }],
  ['which is no relative path', { folder: ['vision'] }],
  ['which is no relative path', { folder: '' }],
  ['holds no config.json; put that model there', { folder: '../vision' }],
  ['holds no config.json; put that model there', { folder: 'a\0b' }],
  ['has the key "hidden_size"; only output_stride may stand beside folder', { folder: '../../vision', hidden_size: 1 }],
  ['a model from the hub must hold all of its parts', { folder: '../../../vision' }, 'models--a--b/snapshots/0f'],
  ['a model from the hub must hold all of its parts', { folder: 'vision' }, 'linked'],
])('%s: %j', async (message, part, model = 'blip2/stage1') => {
  await expect(read(part, at(model))).rejects.toThrow(message);
});
