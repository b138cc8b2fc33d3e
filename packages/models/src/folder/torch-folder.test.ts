import { cp, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { writeTorch } from '@blip2/test-models';
import { fixture, inFolder } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { fromPretrained } from '../blip2.js';
import { openLanguageFolder } from './frozen.js';
import { inspectModel } from './inspect.js';
import { loadFolder } from './load.js';
import { subsetSource } from './sources.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const rocket = fixture('photos/rocket.jpg');

/** A copy of a model whose weights are in `pytorch_model.bin`, or in shards of it. */
async function torchFolder(name: string, folder: string, shards: 1 | 2): Promise<void> {
  await cp(fixture(name), folder, { recursive: true });
  const source = await openSafetensors(folder);
  const inFirst = (tensor: string): boolean => tensor.length % 2 === 0;
  if (shards === 1) await writeTorch(join(folder, 'pytorch_model.bin'), source);
  else {
    await writeTorch(join(folder, 'first.bin'), subsetSource(source, inFirst));
    await writeTorch(
      join(folder, 'second.bin'),
      subsetSource(source, (tensor) => !inFirst(tensor)),
    );
    const weight_map = Object.fromEntries(
      [...source.names.keys()].map((tensor) => [tensor, inFirst(tensor) ? 'first.bin' : 'second.bin']),
    );
    await writeFile(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map }));
  }
  await source.close();
  for (const file of ['model.safetensors', 'model.safetensors.index.json'])
    await rm(join(folder, file), { force: true });
}

test.each([1, 2] as const)('a folder with PyTorch weights in %i files gives the same model', async (shards) => {
  using reference = await fromPretrained(fixture('hf-opt'));
  await inFolder(async (folder) => {
    await torchFolder('hf-opt', folder, shards);
    using model = await fromPretrained(folder);
    expect(await model.caption(rocket)).toEqual(await reference.caption(rocket));
    const [inspection] = await inspectModel(folder);
    expect(inspection).toMatchObject({ missing: [], unused: [], misshaped: [] });
    const { source, rows } = await openLanguageFolder(folder);
    expect(rows).toBeGreaterThan(0);
    await source.close();
  });
});

test('shards that are missing or do not hold what the index lists are named', async () => {
  await inFolder(async (folder) => {
    await torchFolder('hf-itm', folder, 2);
    await rename(join(folder, 'first.bin'), join(folder, 'third.bin'));
    await expect(loadFolder(folder)).rejects.toThrow('first.bin');
    await cp(join(folder, 'second.bin'), join(folder, 'first.bin'));
    await expect(loadFolder(folder)).rejects.toThrow(/'first.bin' does not contain the tensor '/);
    await writeFile(join(folder, 'pytorch_model.bin.index.json'), '{"weight_map": {"a": "../first.bin"}}');
    await expect(loadFolder(folder)).rejects.toThrow("the shard of 'a' is no file name");
    await writeFile(join(folder, 'model.safetensors.index.json'), '{"weight_map": {"a": "model-1.safetensors"}}');
    await expect(loadFolder(folder)).rejects.toThrow(/1 shards are missing: .*model-1\.safetensors/);
  });
});

/** The files of a folder that this process has open, where the system lists them. */
async function openFilesIn(folder: string): Promise<string[]> {
  const open = await readdir('/proc/self/fd').catch(() => []);
  const paths = await Promise.all(open.map((fd) => readlink(join('/proc/self/fd', fd)).catch(() => '')));
  return paths.filter((path) => path.startsWith(folder));
}

const POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1000\n`;

test('a Git LFS pointer in place of any file of a model is named as such', async () => {
  await inFolder(async (folder) => {
    for (const name of ['hf-opt', 'hf-instruct']) {
      const model = join(folder, name);
      await torchFolder(name, model, 1);
      for (const file of [
        'pytorch_model.bin',
        'config.json',
        'generation_config.json',
        'processor_config.json',
        'tokenizer.json',
        'tokenizer_config.json',
        ...(name === 'hf-instruct' ? ['qformer_tokenizer/tokenizer.json'] : []),
      ]) {
        const path = join(model, file);
        const before = await readFile(path).catch(() => undefined);
        if (!before && file !== 'generation_config.json') continue;
        await writeFile(path, POINTER);
        await expect(loadFolder(model)).rejects.toThrow(new RegExp(`${file}.*Git LFS pointer`));
        expect([file, await openFilesIn(model)]).toEqual([file, []]);
        if (before) await writeFile(path, before);
        else await rm(path);
      }
    }
  });
});
