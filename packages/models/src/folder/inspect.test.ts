import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { inspectModel } from './inspect.js';

const opt = fixture('hf-opt');
const fits = { missing: [], unused: [], misshaped: [] };

test('both models of a training run, an encoder alone and a single file', async () => {
  await expectNoLeak(async () => {
    await inFolder(async (run) => {
      await cp(fixture('hf-itm'), join(run, 'stage1'), { recursive: true });
      await cp(opt, join(run, 'stage2'), { recursive: true });
      await writeFile(join(run, 'config.json'), '{}');
      const found = await inspectModel(run);
      expect(found.map(({ path }) => path)).toEqual([join(run, 'stage1'), join(run, 'stage2')]);
      for (const one of found) expect(one).toMatchObject(fits);
    });
    const [clip] = await inspectModel(fixture('encoders/clip'));
    expect(clip).toMatchObject(fits);
    expect(clip?.note).toBeUndefined();
    const [file] = await inspectModel(join(opt, 'model.safetensors'));
    expect(file).toMatchObject({ ...fits, note: 'A single file has no config to compare its tensors with.' });
    await expect(inspectModel('./nowhere')).rejects.toThrow("There is no file or folder './nowhere'");
  });
});

test('models that a config only names are not missed; a type that is not known is listed all the same', async () => {
  await inFolder(async (folder) => {
    await cp(opt, folder, { recursive: true });
    const config = await json<object>(join(opt, 'config.json'));
    const inspectWith = async (changes: object) => {
      await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, ...changes }));
      return (await inspectModel(folder))[0]!;
    };
    const mine = await inspectWith({ text_config: { external: 'my context' } });
    expect(mine).toMatchObject({ missing: [], misshaped: [] });
    expect(mine.unused.every((name) => name.startsWith('language_model.'))).toBe(true);
    expect(mine.unused).not.toEqual([]);
    const gemma = await inspectWith({ text_config: { model_type: 'gemma' } });
    expect(gemma.tensors).toHaveLength(mine.tensors.length);
    expect(gemma.note).toMatch('not supported yet');
  });
});
