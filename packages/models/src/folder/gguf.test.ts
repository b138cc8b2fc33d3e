import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from '@blip2/llm';
import { openSafetensors, writeSafetensors } from '@blip2/tensor/safetensors';
import { expectNoLeak, fixture, json } from '@blip2/testing';
import { loadLanguageModel } from '@blip2/training';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { GenerationModel } from '../index.js';
import { loadFolder } from './load.js';

const gguf = fixture('gguf/language/model.gguf');

test('a GGUF file is a language model with its tokenizer', async () => {
  await tf.setBackend('cpu');
  await expectNoLeak(async () => {
    const model = await loadLanguageModel(gguf);
    expect(model).toMatchObject({ kind: 'decoder', width: 64, vocabSize: 300, ids: { bos: 2, eos: [2], pad: 1 } });
    const promptIds = tf.tensor2d([model.tokenizer.encode('a cat')], undefined, 'int32');
    const [[text] = []] = await generate(model, { promptIds }, { maxNewTokens: 3 });
    expect(text?.ids.length).toBeGreaterThan(0);
    promptIds.dispose();
    model.dispose();
  });
});

test("a BLIP-2's text_config may refer to a GGUF file", async () => {
  const root = await mkdtemp(join(tmpdir(), 'gguf-'));
  const folder = join(root, 'blip2');
  try {
    await mkdir(folder);
    await cp(gguf, join(root, 'model.gguf'));
    for (const file of ['processor_config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      await cp(join(fixture('hf-llama'), file), join(folder, file));
    }
    const config = await json<object>(join(fixture('hf-llama'), 'config.json'));
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({ ...config, text_config: { folder: '../model.gguf' } }),
    );
    const source = await openSafetensors(fixture('hf-llama'));
    const entries = [...source.names]
      .filter(([name]) => !name.startsWith('language_'))
      .map(([name, { shape }]) => ({ name, shape, dtype: 'F32', data: () => source.read(name) }) as const);
    const zeros = (shape: number[]): Float32Array => new Float32Array(shape.reduce((a, b) => a * b, 1));
    await writeSafetensors(join(folder, 'model.safetensors'), [
      ...entries,
      { name: 'language_projection.weight', shape: [64, 24], dtype: 'F32', data: zeros([64, 24]) },
      { name: 'language_projection.bias', shape: [64], dtype: 'F32', data: zeros([64]) },
    ]);
    await source.close();
    const model = (await loadFolder(folder)) as GenerationModel;
    expect(model.language).toMatchObject({ width: 64, vocabSize: 300 });
    model.dispose();
    await writeFile(join(root, 'model.gguf'), (await readFile(gguf)).subarray(0, 30_000));
    await expect(loadFolder(folder)).rejects.toThrow('model.gguf: tensor');
  } finally {
    await rm(root, { recursive: true });
  }
});
