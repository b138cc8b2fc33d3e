import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createTokenizer, trainByteLevelBpe } from '@blip2/data';
import { BindError, dispose, flatten, initialize, type Tree } from '@blip2/tensor';
import { altered, threefold } from '@blip2/test-models';
import { expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { stage1Spec } from '@blip2/training';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { fromPretrained } from '../blip2.js';
import { replaceFolder } from './atomic-folder.js';
import { loadFolder } from './load.js';
import type { GenerationModel, RetrievalModel } from './loaded-model.js';
import { saveStage1, saveStage2 } from './save.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const opt = fixture('hf-opt');
const itm = fixture('hf-itm');
const rocket = fixture('photos/rocket.jpg');
const values = (tree: Tree): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(flatten(tree)).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]));

let before = 0;
beforeAll(() => {
  before = tf.memory().numTensors;
});
afterEach(() => expect(tf.memory().numTensors).toBe(before));

test('a missing, an unused and a mis-shaped tensor of three parts are named at once, and nothing is allocated', async () => {
  await inFolder(async (folder) => {
    await altered('hf-opt', folder, threefold);
    const error = await loadFolder(folder).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(BindError);
    expect(error).toMatchObject({
      missing: ['language_model.model.decoder.layers.1.fc1.bias'],
      unused: ['qformer.spare'],
      misshaped: ['vision_model.encoder.layers.0.layer_norm1.weight [7] instead of [32]'],
    });
  });
});

test('a head stored twice and table rows that no token has are fine', async () => {
  await inFolder(async (folder) => {
    await altered('hf-opt', folder, (entries) => {
      const table = entries.find(({ name }) => name === 'language_model.model.decoder.embed_tokens.weight')!;
      return [...entries, { ...table, name: 'language_model.lm_head.weight' }];
    });
    using twice = await fromPretrained(folder);
    using once = await fromPretrained(opt);
    expect(await twice.caption(rocket)).toEqual(await once.caption(rocket));
  });
});

describe('what cannot be loaded is said in a sentence', () => {
  const change = (edit: (config: Record<string, unknown>) => void) =>
    inFolder(async (folder) => {
      await cp(opt, folder, { recursive: true });
      const config = await json<Record<string, unknown>>(join(opt, 'config.json'));
      edit(config);
      await writeFile(join(folder, 'config.json'), JSON.stringify(config));
      await loadFolder(folder);
    });

  test.each<[string, (config: Record<string, unknown>) => void]>([
    [`the model_type "clip"; only 'blip-2'`, (config) => Object.assign(config, { model_type: 'clip' })],
    [
      'config.json cannot be used. A language model of type "gemma" is not supported yet; supported are llama, mistral, qwen2, opt and t5.',
      (config) => Object.assign(config, { text_config: { model_type: 'gemma' } }),
    ],
    ['the architecture "Blip2Foo"', (config) => Object.assign(config, { architectures: ['Blip2Foo'] })],
    [
      "holds no weights of its image encoder, 'mine'",
      (config) => Object.assign(config, { vision_config: { external: 'mine' } }),
    ],
  ])('%s', async (message, edit) => {
    await expect(change(edit)).rejects.toThrow(message);
  });

  test('no folder, no config, no JSON', async () => {
    await expect(loadFolder('Salesforce/none')).rejects.toThrow("There is no folder 'Salesforce/none'; give a folder");
    await inFolder(async (folder) => {
      await expect(loadFolder(folder)).rejects.toThrow('There is no config.json in the folder');
      await writeFile(join(folder, 'config.json'), '[');
      await expect(loadFolder(folder)).rejects.toThrow('is not a JSON object');
    });
  });
});

test('loading reports progress and can be stopped', async () => {
  const progress: number[] = [];
  const control = new AbortController();
  const onProgress = ({ done, total }: { done: number; total: number }): void => {
    progress.push(done / total);
    if (progress.length === 20) control.abort(new Error('enough'));
  };
  await expect(loadFolder(opt, { onProgress, signal: control.signal })).rejects.toThrow('enough');
  expect(progress).toHaveLength(20);
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
});

describe('saving', () => {
  const parts = (model: GenerationModel | RetrievalModel) => ({
    config: model.config,
    processor: model.processor,
    tokenizer: model.folder,
    vision: { folder: model.folder },
  });

  test('a stage 2 model comes back the same, with its prompts, over an older one', async () => {
    await inFolder(async (out) => {
      using model = (await loadFolder(opt)) as GenerationModel;
      const prompts = { question: 'question: {} answer:', caption: 'a' };
      const saved = { ...parts(model), params: model.params, language: { folder: opt }, prompts };
      const folder = join(out, 'stage2');
      await saveStage2(folder, saved);
      const urls = { vision: { folder: pathToFileURL(opt) }, tokenizer: pathToFileURL(opt) };
      await saveStage2(pathToFileURL(folder), { ...saved, ...urls });
      expect(await readdir(out)).toEqual(['stage2']);
      await writeFile(join(out, 'config.json'), '{}'); // the run's own
      expect(await readdir(folder)).toEqual([
        'config.json',
        'generation_config.json',
        'model.safetensors',
        'processor_config.json',
        'tokenizer.json',
        'tokenizer_config.json',
      ]);
      using again = await fromPretrained(out);
      using first = await fromPretrained(opt);
      const [loaded] = again.models as [GenerationModel];
      expect(loaded.prompts).toEqual(prompts);
      expect(loaded.imageToken).toBe(419);
      expect(values(loaded.params)).toEqual(values(model.params));
      const options = { prompt: 'a photo of', repetitionPenalty: 1.5 };
      expect(await again.caption(rocket, options)).toEqual(await first.caption(rocket, options));
    });
  });

  // transformers 5.23 reads such a folder, and gives the same ids and scores
  test('Hugging Face finds an image token in a tokenizer without one, and floats where it wants them', async () => {
    await inFolder(async (out) => {
      using model = (await loadFolder(opt)) as GenerationModel;
      const files = trainByteLevelBpe(['a red apple'], { vocabSize: 265 });
      const own = { tokenizer: files, language: { folder: opt }, params: model.params };
      await saveStage2(join(out, 'stage2'), { ...parts(model), ...own });
      using again = (await loadFolder(out)) as GenerationModel;
      const [before, after] = [createTokenizer(files), again.tokenizer];
      expect([again.imageToken, after.id('<image>'), after.id('<s>'), before.id('<s>')]).toEqual([0, 0, undefined, 0]);
      expect(after.vocabSize).toBe(before.vocabSize);
      expect(after.encode('a red apple')).toEqual(before.encode('a red apple'));
      const text = await readFile(join(out, 'stage2', 'config.json'), 'utf8');
      expect(text).toContain('"hidden_dropout_prob": 0.0,');
      expect(text).toContain('"num_hidden_layers": 3,');
    });
  });

  test('a stage 1 model comes back with the captioning head and the temperature', async () => {
    await inFolder(async (out) => {
      using model = (await loadFolder(itm)) as RetrievalModel;
      expect(model.parts).toBe('retrieval');
      const params = initialize(stage1Spec(model.config), 1);
      await saveStage1(join(out, 'stage1'), { ...parts(model), params });
      await expect(loadFolder(out, { kind: 'generation' })).rejects.toThrow('holds stage1 but no stage2');
      using again = (await loadFolder(out)) as RetrievalModel;
      expect(again.parts).toBe('pretraining');
      expect(values(again.params)).toEqual(values(params));
      dispose(params);
    });
  });

  test('models of the user are kept by name, and given again', async () => {
    await inFolder(async (out) => {
      using model = (await loadFolder(opt)) as GenerationModel;
      const folder = join(out, 'mine');
      const own = { vision: { external: 'my eyes' }, language: { external: 'my context' } };
      await saveStage2(folder, { ...parts(model), ...own, params: model.params });
      await expect(loadFolder(folder)).rejects.toThrow(
        "holds no weights of its image encoder, 'my eyes'; give the image encoder",
      );
      const { vision, language } = model;
      await expect(loadFolder(folder, { vision })).rejects.toThrow(
        "holds no weights of its language model, 'my context'",
      );
      using again = await fromPretrained(folder, { vision, language });
      using first = await fromPretrained(opt);
      expect(await again.caption(rocket)).toEqual(await first.caption(rocket));
      const narrow = { ...vision, width: 5 };
      await expect(loadFolder(folder, { vision: narrow, language })).rejects.toThrow('has width 5');
    });
  });

  test('a disk without room is told, and leaves nothing', async () => {
    await inFolder(async (out) => {
      const full = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' });
      const writing = replaceFolder(join(out, 'stage2'), async (temporary) => {
        await writeFile(join(temporary, 'config.json'), '{}');
        throw full;
      });
      await expect(writing).rejects.toThrow(/stage2': the disk is full; nothing was changed\.$/);
      expect(await readdir(out)).toEqual([]);
    });
  });

  test('an error leaves the older model and nothing else', async () => {
    await inFolder(async (out) => {
      using model = (await loadFolder(opt)) as GenerationModel;
      const folder = join(out, 'stage2');
      const saved = { ...parts(model), params: model.params, language: { folder: opt } };
      await saveStage2(folder, saved);
      const signal = AbortSignal.abort(new Error('enough'));
      await expect(saveStage2(folder, saved, { signal })).rejects.toThrow('enough');
      expect(await readdir(out)).toEqual(['stage2']);
      await expectNoLeak(async () => (await loadFolder(folder)).dispose());
      await writeFile(join(folder, 'notes.txt'), '');
      await expect(saveStage2(folder, saved)).rejects.toThrow("holds 'notes.txt', which is not part of a model");
      await rm(folder, { recursive: true });
      await writeFile(folder, '');
      await expect(saveStage2(folder, saved)).rejects.toThrow('it is not a folder');
    });
  });
});
