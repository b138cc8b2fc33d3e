import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { starterUrl } from '@blip2/starter';
import { isFolder, memoryFolder, mountFolder, unmountFolder } from '@blip2/tensor/files';
import { useBackend } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type Blip2, fromPretrained, type ModelSource, saveStage2 } from './index.js';

const photo = fileURLToPath(new URL('../../../tools/testing/fixtures/photos/coffee.png', import.meta.url));
const models = fileURLToPath(new URL('..', starterUrl('blip2')));
let files: [string, Uint8Array<ArrayBuffer>][];
let expected: string;
beforeAll(async () => {
  await useBackend({ backend: 'simd', threads: 1 });
  const entries = await readdir(models, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  files = await Promise.all(
    paths.map(
      async (path): Promise<(typeof files)[number]> => [
        path.slice(models.length).replaceAll('\\', '/'),
        new Uint8Array(await readFile(path)),
      ],
    ),
  );
  expected = await captionOf(undefined);
});

async function captionOf(source: ModelSource | undefined, check?: (model: Blip2) => Promise<void>): Promise<string> {
  const before = tf.memory().numTensors;
  const model = await fromPretrained(source, { kind: 'generation' });
  const { caption } = await model.caption(photo);
  await check?.(model);
  model.dispose();
  expect(tf.memory().numTensors).toBe(before);
  return caption;
}

test('files that were dropped, in the folder that holds their models', async () => {
  const dropped = files.map(([path, bytes]) => {
    const file = new File([bytes], path.split('/').at(-1)!);
    return Object.defineProperty(file, 'webkitRelativePath', { value: `models/${path}` });
  });
  let folder = '';
  const caption = await captionOf(dropped, async (model) => {
    folder = model.models[0]!.folder;
  });
  expect([caption, folder]).toEqual([expected, 'mount:models/blip2/stage2']);
  expect(await isFolder(folder)).toBe(false); // the path ends with the model
});

test('a folder in memory; a model that is saved in one is read from there', async () => {
  const saved = memoryFolder();
  const root = mountFolder(saved, { name: 'saved' });
  const save = async ({ models: [model] }: Blip2): Promise<void> => {
    if (model?.kind !== 'generation') throw new Error('not a generation model');
    const { params, config, processor, prompts, folder } = model;
    const frozen = { vision: { folder }, language: { folder }, tokenizer: folder };
    await saveStage2(root, { params, config, processor, prompts, ...frozen });
    await saveStage2(`${root}/again`, { params, config, processor, prompts, ...frozen });
  };
  expect(await captionOf(memoryFolder(files), save)).toBe(expected);
  expect([...saved.files.keys()].filter((path) => !path.includes('/')).sort()).toEqual([
    'config.json',
    'model.safetensors',
    'processor_config.json',
    'tokenizer.json',
    'tokenizer_config.json',
  ]);
  expect(await captionOf(`${root}/again`)).toBe(expected);
  expect(await captionOf(saved)).toBe(expected);
  unmountFolder(root);
});

test('the starter that was copied elsewhere', async () => {
  const root = mountFolder(memoryFolder(files), { name: 'copied' });
  const model = await fromPretrained(undefined, { starter: root, kind: 'retrieval' });
  expect(model.models.map(({ folder }) => folder)).toEqual([`${root}/blip2/stage1`]);
  model.dispose();
  unmountFolder(root);
});

test('the error for a folder without a model names its path', async () => {
  await expect(fromPretrained(memoryFolder())).rejects.toThrow(
    "There is no config.json in the folder 'mount:model'; give a folder that contains config.json.",
  );
});
