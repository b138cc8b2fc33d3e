import { cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { starterUrl } from '@blip2/starter';
import { dispose, initialize } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { expectClose, expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { compose, loadLanguageModel, loadVision, stage1Params, stage2Spec } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { fromPretrained } from '../blip2.js';
import { inspectModel } from './inspect.js';
import { loadFolder } from './load.js';
import type { GenerationModel } from './loaded-model.js';
import { openModel } from './open.js';
import { saveStage1, saveStage2 } from './save.js';

// Models that refer to frozen parts in other folders, and so share one copy of them.

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const rocket = fixture('photos/rocket.jpg');
const opt = fixture('hf-opt');

/** Saves the fixture as OUT/shared/stage2, with frozen parts in OUT/frozen. */
async function saveShared(out: string): Promise<string> {
  await cp(opt, join(out, 'frozen'), { recursive: true });
  using model = (await loadFolder(opt)) as GenerationModel;
  const frozen = { folder: join(out, 'frozen'), reference: true };
  const folder = join(out, 'shared', 'stage2');
  await saveStage2(folder, {
    config: model.config,
    params: model.params,
    processor: model.processor,
    tokenizer: opt,
    vision: frozen,
    language: frozen,
  });
  return folder;
}

test('a model that refers to its frozen parts is small, and loads and is inspected as the whole', async () => {
  await expectNoLeak(() =>
    inFolder(async (out) => {
      const folder = await saveShared(out);
      const config = await json<Record<string, unknown>>(join(folder, 'config.json'));
      expect(config).toMatchObject({
        vision_config: { folder: '../../frozen' },
        text_config: { folder: '../../frozen' },
      });
      const [small, whole] = [
        await stat(join(folder, 'model.safetensors')),
        await stat(join(opt, 'model.safetensors')),
      ];
      expect(small.size).toBeLessThan(whole.size / 2);
      await rename(out, `${out}-moved`);
      try {
        using again = await fromPretrained(join(`${out}-moved`, 'shared', 'stage2'));
        using first = await fromPretrained(opt);
        expect(await again.caption(rocket)).toEqual(await first.caption(rocket));
        const [found] = await inspectModel(join(`${out}-moved`, 'shared', 'stage2'));
        const [expected] = await inspectModel(opt);
        expect(found).toMatchObject({ missing: [], unused: [], misshaped: [], memory: expected?.memory });
        expect(found?.parameters).toBe(expected?.parameters);
      } finally {
        await rename(`${out}-moved`, out);
      }
    }),
  );
});

test('a copy of it holds all weights again, and another that refers names the same folder', async () => {
  await inFolder(async (out) => {
    const folder = await saveShared(out);
    using model = (await loadFolder(folder)) as GenerationModel;
    const parts = { config: model.config, params: model.params, processor: model.processor, tokenizer: folder };
    const copy = join(out, 'copy');
    await saveStage2(copy, { ...parts, vision: { folder }, language: { folder } });
    const [first, second] = [await openModel(copy), await openModel(opt)];
    expect(new Set(first.source.names.keys())).toEqual(new Set(second.source.names.keys()));
    for (const { source } of [first, second]) await source.close();
    const other = { folder, reference: true };
    await saveStage2(join(out, 'other'), { ...parts, vision: other, language: other }, { dtype: 'F16' });
    const config = await json<Record<string, unknown>>(join(out, 'other', 'config.json'));
    expect(config).toMatchObject({ dtype: 'float16', vision_config: { folder: '../frozen' } });
    const halves = await openSafetensors(join(out, 'other'));
    expect(new Set([...halves.names.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F16']));
    await halves.close();
    using half = (await loadFolder(join(out, 'other'))) as GenerationModel;
    expectClose(half.params.query_tokens, model.params.query_tokens, 1e-3);
  });
});

test.each<[string, (config: Record<string, unknown>) => void, string?]>([
  [
    'holds no config.json; put that model there',
    (config) => Object.assign(config, { text_config: { folder: '../gone' } }),
  ],
  [
    'has no output_stride',
    (config) => Object.assign(config, { vision_config: { folder: '../../frozen', output_stride: 16 } }),
  ],
  ['refers to another folder itself', (config) => Object.assign(config, { vision_config: { folder: '.' } })],
  ['which is no relative path', (config) => Object.assign(config, { vision_config: { folder: '/frozen' } })],
  ['a model from the hub must hold all of its parts', () => {}, 'models--org--name/snapshots/0123'],
])('%s', async (message, edit, place = 'shared/stage2') => {
  await inFolder(async (out) => {
    const saved = await saveShared(out);
    const folder = join(out, place);
    if (folder !== saved) {
      await mkdir(join(folder, '..'), { recursive: true });
      await rename(saved, folder);
    }
    const config = await json<Record<string, unknown>>(join(folder, 'config.json'));
    edit(config);
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    await expectNoLeak(() => expect(fromPretrained(folder)).rejects.toThrow(message));
    const [found] = await inspectModel(folder);
    expect(found?.note).toContain(message);
  });
});

test('weights of a part that is referred to are refused in the file itself', async () => {
  await inFolder(async (out) => {
    const folder = await saveShared(out);
    await cp(join(opt, 'model.safetensors'), join(folder, 'model.safetensors'));
    await expect(loadFolder(folder)).rejects.toThrow(/holds 'vision_model\..*', of a part for which it refers/);
    await rm(join(folder, 'model.safetensors'));
    await expect(loadFolder(folder)).rejects.toThrow('model.safetensors');
  });
});

test("the starter's encoder is shared, also evaluated more densely, by both stages of a run's folder", async () => {
  const starter = (model: 'vision' | 'language' | 'bert') => fileURLToPath(starterUrl(model));
  const sizes = {
    layers: 1,
    hiddenSize: 12,
    heads: 2,
    intermediateSize: 12,
    queries: 2,
    projectionSize: 4,
    maxPositions: 8,
  };
  await expectNoLeak(() =>
    inFolder(async (out) => {
      await cp(starter('vision'), join(out, 'vision'), { recursive: true });
      using vision = await loadVision(join(out, 'vision'), { outputStride: 16 });
      const language = await loadLanguageModel(starter('language'));
      const { tokenizer } = language;
      using parts = await compose({ vision, text: { tokenizer }, qformer: sizes, language });
      const params = initialize(stage2Spec(parts.config, language.width), 1);
      const saved = { config: parts.config, processor: vision.processor };
      const encoder = { folder: join(out, 'vision'), reference: true, outputStride: 16 } as const;
      await saveStage1(join(out, 'stage1'), {
        ...saved,
        params: stage1Params(parts),
        vision: encoder,
        tokenizer: starter('bert'),
      });
      await saveStage2(join(out, 'stage2'), {
        ...saved,
        params,
        vision: encoder,
        language: { folder: starter('language') },
        tokenizer: starter('language'),
      });
      dispose(params);
      language.dispose?.();
      expect(await readFile(join(out, 'stage1', 'config.json'), 'utf8')).toContain('"output_stride": 16');
      using both = await fromPretrained(out);
      expect(both.models.map(({ kind }) => kind)).toEqual(['generation', 'retrieval']);
      expect(both.models[0]?.vision).toBe(both.models[1]?.vision);
      using encoded = await both.encodeImage(rocket);
      expect(encoded.features.shape).toEqual([1, 49, 352]);
      const sparse = { ...encoder, outputStride: undefined };
      await saveStage1(join(out, 'stage1'), {
        ...saved,
        params: stage1Params(parts),
        vision: sparse,
        tokenizer: starter('bert'),
      });
      using different = await fromPretrained(out);
      expect(different.models[0]?.vision).not.toBe(different.models[1]?.vision);
      await expect(
        saveStage1(join(out, 'stage1'), {
          ...saved,
          params: stage1Params(parts),
          vision: { folder: join(opt), outputStride: 16 },
          tokenizer: starter('bert'),
        }),
      ).rejects.toThrow('has no output_stride');
    }),
  );
});
