import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { countParameters } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { altered } from '@blip2/test-models';
import { expectClose, expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { published } from '@blip2/testing/published';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type * as tf from '@tensorflow/tfjs';
import { type Blip2, fromPretrained } from '../blip2.js';
import { encodeImages } from '../encode-images.js';
import { readModelConfig } from '../folder/config.js';
import { inspectModel } from '../folder/inspect.js';
import { loadFolder } from '../folder/load.js';
import type { GenerationModel } from '../folder/loaded-model.js';
import { partSpecs, tensorShapes } from '../folder/specs.js';
import { decodingPresets } from './decoding-presets.js';
import { generateText, softPromptOf } from './generate-text.js';

// InstructBLIP with T5, as transformers 5.23 saves and runs it.

type Decoded = 'greedy' | 'beam' | 'beam_lp' | 'beam_min';
type Case = { image: string; prompt: string; qformer_input_ids: number[] } & { [K in Decoded]: number[] } & {
  [K in `${Exclude<Decoded, 'greedy'>}_scores`]: number[];
} & { [K in `${Decoded}_text`]: string };
interface Golden {
  readonly images: string[];
  readonly cases: Case[];
  readonly batch: { readonly images: string[]; readonly prompts: string[]; readonly greedy: number[][] };
}

const folder = fixture('hf-instruct');
const { images, cases, batch } = await json<Golden>(join(folder, 'golden.json'));
const photo = (name: string): string => fixture(`photos/${name}`);
let model: Blip2;
let generationModel: GenerationModel;

beforeAll(async () => {
  await useBackend({ backend: 'simd', threads: 1 });
  model = await fromPretrained(folder);
  generationModel = model.models[0] as GenerationModel;
});
afterAll(() => model.dispose());

test('queries that read an instruction see what the reference sees', async () => {
  const golden = await openSafetensors(join(folder, 'golden.safetensors'));
  await expectNoLeak(async () => {
    const features = await encodeImages(generationModel, images.map(photo));
    for (const [i, { image, prompt, qformer_input_ids: ids }] of cases.entries()) {
      expect(generationModel.instruction?.encode(prompt)).toEqual(ids);
      const index = images.indexOf(image);
      const seen = softPromptOf(generationModel, { features, prompts: [prompt], imageIndex: [index] });
      expectClose(seen, await golden.read(`language_projection.${Math.floor(i / images.length)}.${index}`), 1e-4);
      seen.dispose();
    }
    const prompts = [cases[0]!.prompt, cases[4]!.prompt];
    const [padded, alone] = [prompts, prompts.slice(0, 1)].map((each) =>
      softPromptOf(generationModel, { features, prompts: each, imageIndex: each.map(() => 0) }),
    ) as [tf.Tensor3D, tf.Tensor3D];
    const first = padded.slice([0, 0, 0], [1, -1, -1]);
    expectClose(first, alone, 1e-5); // padding is masked
    for (const tensor of [features, padded, alone, first]) tensor.dispose();
  });
  await golden.close();
});

test.each(cases.map((c) => [c.image, c.prompt, c] as const))('%s, "%s", as transformers', async (image, prompt, c) => {
  const recipes = {
    greedy: { beams: 1 },
    beam: { beams: 5 },
    beam_lp: { beams: 3, lengthPenalty: -1, repetitionPenalty: 1.5 },
    beam_min: { beams: 4, lengthPenalty: 2, minNewTokens: 5 },
  };
  const decoding = { task: 'any', all: {} } as const;
  for (const [name, options] of Object.entries(recipes) as [Decoded, object][]) {
    const generation = await model.caption(photo(image), { decoding, prompt, maxNewTokens: 12, ...options });
    expect(generation.tokens).toEqual(c[name].slice(1)); // after the decoder's start
    expect(generation.caption).toBe(c[`${name}_text`]);
    if (name !== 'greedy') expect(generation.score / (c[`${name}_scores`][0] as number)).toBeCloseTo(1, 4);
  }
});

test('several images with different instructions', async () => {
  await expectNoLeak(async () => {
    const features = await encodeImages(generationModel, batch.images.map(photo));
    const generations = await generateText(generationModel, { features, prompts: batch.prompts }, { maxNewTokens: 12 });
    generations.forEach(([best], i) => {
      const golden = batch.greedy[i]!.slice(1);
      expect(best!.tokens).toEqual(golden.slice(0, best!.tokens.length));
      expect(golden.slice(best!.tokens.length).every((id) => id === 0)).toBe(true);
    });
    features.dispose();
  });
});

test('the defaults are those of InstructBLIP: the question as it is, and a repetition penalty', async () => {
  const { image } = cases[0]!;
  const { decoding: _, ...same } = { decoding: 'instruct', maxNewTokens: 12 } as const;
  const asked = await model.ask(photo(image), 'What animal is this?', same);
  expect(asked).toEqual(await model.ask(photo(image), 'What animal is this?', { ...same, decoding: 'instruct' }));
  const { repetitionPenalty } = decodingPresets.instruct.all;
  const plain = { task: 'any', all: { beams: 5, beamRules: '4.33', countPrompt: false } } as const;
  const prompt = 'what animal is this?';
  const told = await model.caption(photo(image), { decoding: plain, prompt, repetitionPenalty, ...same });
  expect(told.tokens).toEqual(asked.tokens);
});

test('what is missing or not supported is named as it is in the file', async () => {
  const [found] = await inspectModel(folder);
  expect(found).toMatchObject({ missing: [], unused: [], misshaped: [] });
  const names = ['qformer.embeddings.layernorm.bias', 'qformer.encoder.layer.1.intermediate.dense.weight'];
  await inFolder(async (changed) => {
    await altered('hf-instruct', changed, (entries) => entries.filter(({ name }) => !names.includes(name)));
    await expect(loadFolder(changed)).rejects.toMatchObject({ missing: names, unused: [] });
    const config = await json<{ text_config: object }>(join(folder, 'config.json'));
    const gemma = { ...config, text_config: { model_type: 'gemma' } };
    await writeFile(join(changed, 'config.json'), JSON.stringify(gemma));
    await expect(loadFolder(changed)).rejects.toThrow('language model of type "gemma" is not supported yet');
    await writeFile(join(changed, 'config.json'), JSON.stringify({ ...config, architectures: ['InstructBlipModel'] }));
    await expect(loadFolder(changed)).rejects.toThrow('of InstructBLIP only InstructBlipForConditionalGeneration');
  });
});

test('a true size: the text branch comes to what BLIP-2 has', () => {
  const { 'blip2-flan-t5-xl': xl } = published;
  const json = { ...xl, model_type: 'instructblip', architectures: ['InstructBlipForConditionalGeneration'] };
  const model = readModelConfig({ ...json, qformer_config: { vocab_size: 30523 } }, 'instructblip-flan-t5-xl');
  const counts = Object.values(partSpecs(model)).map(countParameters);
  // BLIP-2's 3,942,446,592, its Q-Former of 105,137,664 in exchange for one of 185,660,160 (specification, 1.4 and 6.5)
  expect(counts.reduce((a, b) => a + b, 0)).toBe(3_942_446_592 - 105_137_664 + 185_660_160);
  expect([...tensorShapes(model).keys()]).toContain('qformer.embeddings.word_embeddings.weight');
});
