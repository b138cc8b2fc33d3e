import { cp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type LanguageModel, readLoraConfig } from '@blip2/llm';
import { dispose, type Flat, flatten, type Tree } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { expectClose, expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { loadLanguageModel } from '@blip2/training';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { loadFolder } from './load.js';
import type { GenerationModel } from './loaded-model.js';
import { saveStage2 } from './save.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const values = (tree: Tree): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(flatten(tree)).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]));

interface Golden {
  readonly input_ids: number[];
  readonly greedy: number[];
}

/** The tokens that a model generates after an image and a prompt. */
async function generated(model: GenerationModel, { input_ids }: Golden, kind: 'opt' | 't5'): Promise<number[]> {
  const source = await openSafetensors(fixture(`hf-${kind}/golden.safetensors`));
  const all = tf.tensor(await source.read('language_projection'), [...source.names.get('language_projection')!.shape]);
  await source.close();
  const softPrompt = tf.slice(all, [0, 0, 0], [1, -1, -1]);
  const text = input_ids.slice(softPrompt.shape[1]);
  const promptIds = tf.tensor2d([text], [1, text.length], 'int32');
  const { generate } = await import('@blip2/llm');
  const [found] = await generate(model.language, { softPrompt, promptIds }, { maxNewTokens: 8 });
  tf.dispose([all, softPrompt, promptIds]);
  return [...found![0]!.ids];
}

test.each(['opt', 't5'] as const)('adapters of PEFT are merged into %s: it generates what PEFT does', async (kind) => {
  const [base, adapter] = [fixture(`hf-${kind}`), fixture(`lora-${kind}`)];
  const golden = await json<Golden>(join(adapter, 'golden.json'));
  const ends = golden.greedy.slice(kind === 'opt' ? golden.input_ids.length : 1);
  await expectNoLeak(async () => {
    using alone = (await loadFolder(base)) as GenerationModel;
    const before = await generated(alone, golden, kind);
    using given = (await loadFolder(base, { adapter })) as GenerationModel;
    const after = await generated(given, golden, kind);
    expect(ends.slice(0, after.length)).toEqual(after);
    expect(after.length).toBeGreaterThan(2);
    expect(after).not.toEqual(before);
    await inFolder(async (folder) => {
      await cp(base, folder, { recursive: true });
      for (const file of ['adapter_config.json', 'adapter_model.safetensors']) {
        await cp(join(adapter, file), join(folder, file));
      }
      using beside = (await loadFolder(folder)) as GenerationModel;
      expect(await generated(beside, golden, kind)).toEqual(after);
    });
  });
});

test('the language model of a folder with adapters has them: loaded alone, trained on, and copied', async () => {
  const [base, adapter] = [fixture('hf-opt'), fixture('lora-opt')];
  await inFolder(async (folder) => {
    const adapted = join(folder, 'adapted');
    await cp(base, adapted, { recursive: true });
    await cp(adapter, join(adapted, 'adapter'), { recursive: true });
    using whole = (await loadFolder(adapted)) as GenerationModel;
    const alone = await loadLanguageModel(adapted);
    const [softPrompt, targetIds] = [
      tf.randomNormal<tf.Rank.R3>([1, 2, alone.width], 0, 1, 'float32', 3),
      tf.tensor2d([[5, 6, 7]], [1, 3], 'int32'),
    ];
    const logits = async (model: LanguageModel): Promise<tf.Tensor> =>
      (await model.predict({ softPrompt, targetIds })).logits;
    const expected = await logits(whole.language);
    expectClose(await logits(alone), expected, 1e-5);

    const copy = join(folder, 'copy');
    await saveStage2(copy, {
      ...whole,
      vision: { folder: adapted },
      language: { folder: adapted },
      tokenizer: adapted,
    });
    expect(await readdir(copy)).not.toContain('adapter');
    using copied = (await loadFolder(copy)) as GenerationModel;
    expectClose(await logits(copied.language), expected, 1e-5);

    const referring = join(folder, 'referring');
    const language = { folder: join(folder, 'base'), reference: true };
    await cp(base, language.folder, { recursive: true });
    await saveStage2(referring, { ...whole, vision: { folder: base }, language, tokenizer: base });
    await cp(adapter, join(referring, 'adapter'), { recursive: true });
    using referred = (await loadFolder(referring)) as GenerationModel;
    expectClose(await logits(referred.language), expected, 1e-5);
    const third = join(folder, 'third');
    await saveStage2(third, { ...whole, vision: { folder: base }, language: { folder: referring }, tokenizer: base });
    using last = (await loadFolder(third)) as GenerationModel;
    expectClose(await logits(last.language), expected, 1e-5);
    alone.dispose?.();
  });
});

test('trained adapters and what was trained of the encoder are saved with a model and load with it', async () => {
  const [base, adapter] = [fixture('hf-opt'), fixture('lora-opt')];
  const golden = await json<Golden>(join(adapter, 'golden.json'));
  const config = readLoraConfig(await json(join(adapter, 'adapter_config.json')), adapter);
  const source = await openSafetensors(join(adapter, 'adapter_model.safetensors'));
  const tensors: Flat = {};
  for (const [name, { shape }] of source.names) {
    tensors[name.replace('base_model.model.', '')] = tf.tensor(await source.read(name), [...shape]);
  }
  const vision = 'vision_model.encoder.layers.1.mlp.fc1.bias';
  const bias = tf.range(0, 64) as tf.Tensor;
  await inFolder(async (out) => {
    using model = (await loadFolder(base)) as GenerationModel;
    using expected = (await loadFolder(base, { adapter })) as GenerationModel;
    const folder = join(out, 'model');
    const saved = {
      config: model.config,
      params: model.params,
      processor: model.processor,
      tokenizer: base,
      vision: { folder: base, trained: { [vision]: bias } },
      language: { folder: base },
      adapter: { tensors, config: { ...config, targets: ['q_proj', 'v_proj', 'fc1', 'fc2'] } },
    };
    await saveStage2(folder, saved);
    await saveStage2(folder, saved); // over the older one
    expect((await readdir(join(folder, 'adapter'))).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
    using again = (await loadFolder(folder)) as GenerationModel;
    expect(await generated(again, golden, 'opt')).toEqual(await generated(expected, golden, 'opt'));
    const weights = await openSafetensors(folder);
    expectClose(await weights.read(vision), bias, 0);
    await weights.close();
    expect(values(again.params)).toEqual(values(model.params));
    const wrong = { ...saved, vision: { folder: base, trained: { 'vision_model.other': bias } } };
    await expect(saveStage2(folder, wrong)).rejects.toThrow("'vision_model.other' was trained, but");
  });
  await source.close();
  dispose([tensors, bias] as never);
});

test('adapters of another model, and folders without any, are refused in a sentence', async () => {
  await expect(loadFolder(fixture('hf-t5'), { adapter: fixture('lora-opt') })).rejects.toThrow(
    "The adapter of 'language_model.model.decoder.layers.0.fc1' in",
  );
  await expect(loadFolder(fixture('hf-opt'), { adapter: fixture('hf-opt') })).rejects.toThrow(
    'There is no adapter_config.json in',
  );
});
