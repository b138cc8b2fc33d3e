import { cp, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createTokenizer } from '@blip2/data';
import { dispose } from '@blip2/tensor';
import { languageAlone } from '@blip2/test-models';
import { expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import {
  collateStage2,
  compose,
  initializeStage2,
  languageOf,
  loadLanguageModel,
  stage2Params,
  trainStage2,
  useBackend,
} from '@blip2/training';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type Blip2, fromPretrained } from '../blip2.js';
import { encodeImages } from '../encode-images.js';
import { inspectModel } from '../folder/inspect.js';
import type { GenerationModel } from '../folder/loaded-model.js';
import { saveStage2 } from '../folder/save.js';
import { generateText } from './generate-text.js';

type Decoded = 'greedy' | 'beam' | 'beam_lp' | 'beam_min';
type Case = { image: string; prompt: string } & { [K in Decoded]: number[] } & {
  [K in `${Exclude<Decoded, 'greedy'>}_scores`]: number[];
} & { [K in `${Decoded}_text`]: string };
interface Golden {
  readonly cases: Case[];
  readonly batch: { readonly images: string[]; readonly prompts: string[]; readonly greedy: number[][] };
}

const t5 = fixture('hf-t5');
const { cases, batch } = await json<Golden>(join(t5, 'golden.json'));
const photo = (name: string): string => fixture(`photos/${name}`);
let model: Blip2;
let generationModel: GenerationModel;

beforeAll(async () => {
  await useBackend({ backend: 'simd', threads: 1 });
  model = await fromPretrained(t5);
  generationModel = model.models[0] as GenerationModel;
});
afterAll(() => model.dispose());

describe.each(cases.map((c) => [c.image, c.prompt, c] as const))('%s, "%s", as transformers', (image, prompt, c) => {
  test.each<[Decoded, object]>([
    ['greedy', { beams: 1 }],
    ['beam', {}],
    ['beam_lp', { beams: 3, lengthPenalty: -1, repetitionPenalty: 1.5 }],
    ['beam_min', { beams: 4, lengthPenalty: 2, minNewTokens: 5 }],
  ])('%s', async (name, options) => {
    const generation = await model.caption(photo(image), { prompt, maxNewTokens: 12, ...options });
    expect(generation.tokens).toEqual(c[name].slice(1)); // after the decoder's start
    expect(generation.caption).toBe(c[`${name}_text`]);
    if (name !== 'greedy') expect(generation.score / (c[`${name}_scores`][0] as number)).toBeCloseTo(1, 4);
  });
});

test('several images with different prompts are padded on the right', async () => {
  await expectNoLeak(async () => {
    const features = await encodeImages(generationModel, batch.images.map(photo));
    const generations = await generateText(generationModel, { features, prompts: batch.prompts }, { maxNewTokens: 12 });
    const golden = batch.greedy.map((row) => row.slice(1));
    generations.forEach(([best], i) => {
      const { tokens } = best!;
      expect(golden[i]?.slice(0, tokens.length)).toEqual(tokens);
      expect(golden[i]?.slice(tokens.length).every((id) => id === 0)).toBe(true);
    });
    features.dispose();
  });
});

test('a question is put as the published Flan-T5 models were asked', async () => {
  const image = photo('chelsea.png');
  const asked = await model.ask(image, 'What animal is this?');
  const own = { beams: 5, lengthPenalty: -1, maxNewTokens: 10, template: 'Question: {} Short answer:' };
  expect(await model.ask(image, 'what animal is this?', own)).toEqual(asked);
});

test('generation_config.json says first what ends a text, and what the decoder begins with', async () => {
  await inFolder(async (folder) => {
    await cp(t5, folder, { recursive: true });
    await writeFile(join(folder, 'generation_config.json'), '{"eos_token_id": [1, 273], "decoder_start_token_id": 5}');
    using other = await fromPretrained(folder);
    const { language } = other.models[0] as GenerationModel;
    expect(language.ids).toEqual({ bos: 0, pad: 0, eos: [1, 273], decoderStart: 5 });
  });
});

test('a model is inspected, and comes back from saving the same', async () => {
  await inFolder(async (out) => {
    expect(await inspectModel(t5)).toMatchObject([{ missing: [], unused: [], misshaped: [] }]);
    const folder = join(out, 'stage2');
    const { config, processor, params } = generationModel;
    const parts = { config, processor, params, tokenizer: t5, vision: { folder: t5 }, language: { folder: t5 } };
    await saveStage2(folder, parts);
    expect(await readdir(folder)).toContain('generation_config.json');
    const saved = await json<{ [key: string]: unknown }>(join(folder, 'config.json'));
    expect(saved).toMatchObject({ use_decoder_only_language_model: false, image_token_index: 419 });
    using again = await fromPretrained(folder);
    const options = { prompt: 'a photo of', repetitionPenalty: 1.5 };
    const image = photo('rocket.jpg');
    expect(await again.caption(image, options)).toEqual(await model.caption(image, options));
  });
});

test('stage 2 is trained with a T5 of its own folder, saved and loaded again', async () => {
  await inFolder(async (out) => {
    const context = join(out, 't5');
    await languageAlone('hf-t5', context);
    expect(await inspectModel(context)).toMatchObject([{ missing: [], unused: [], misshaped: [] }]);
    const language = await loadLanguageModel(context);
    const tokenizer = createTokenizer({ tokenizer: await json(join(fixture('hf-itm'), 'tokenizer.json')) });
    const eyes = generationModel.vision;
    const sizes = {
      dropout: 0,
      attentionDropout: 0,
      layers: 2,
      hiddenSize: 24,
      heads: 4,
      intermediateSize: 48,
      queries: 3,
      projectionSize: 8,
    };
    const parts = await compose({ vision: eyes, text: { tokenizer }, language, qformer: sizes, seed: 1 });
    initializeStage2(parts);
    const features = await encodeImages(generationModel, ['chelsea.png', 'rocket.jpg'].map(photo));
    const lessons = [
      [{ prompt: 'a photo of', target: 'a cat' }],
      [
        { prompt: '', target: 'a rocket' },
        { prompt: 'what is it?', target: 'a big rocket' },
      ],
    ];
    const source = {
      features: {
        length: 2,
        gather: async (at: readonly number[]) => tf.gather(features, [...at]),
        close: async () => {},
      },
      samples: (index: number) => lessons[index] ?? [],
      phrases: () => [],
    };
    const words = languageOf(parts);
    const first = await collateStage2(source, [0, 1], { language: words, random: () => 0 });
    const { promptIds, promptMask, targetIds, targetMask } = first.texts ?? {};
    expect(promptMask?.arraySync().map((row) => row[0])).toEqual([1, 1, 1]); // pads on the right
    expect(promptIds?.arraySync()[1]?.[0]).toBe(language.ids.bos);
    const ends = targetMask?.arraySync().map((row) => row.lastIndexOf(1)) as number[];
    expect(ends.map((end, i) => targetIds?.arraySync()[i]?.[end])).toEqual([1, 1, 1]);
    dispose([first.features, first.phraseIds, first.phraseMask, ...Object.values(first.texts ?? {})]);

    const losses: number[] = [];
    const data = () => collateStage2(source, [0, 1], { language: words, random: () => 0 });
    for await (const step of trainStage2(parts, { data, steps: 8, warmupSteps: 1, learningRate: 5e-4 })) {
      losses.push(step.losses.total as number);
    }
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);

    const folder = join(out, 'stage2');
    const { config } = parts;
    const trained = { config, params: stage2Params(parts), processor: generationModel.processor, tokenizer: context };
    await saveStage2(folder, { ...trained, vision: { folder: t5 }, language: { folder: context } });
    expect(await json(join(folder, 'config.json'))).toMatchObject({ use_decoder_only_language_model: false });
    using again = await fromPretrained(folder);
    expect((await again.caption(photo('rocket.jpg'))).tokens.length).toBeGreaterThan(0);
    features.dispose();
    parts.dispose();
    language.dispose?.();
  });
});
