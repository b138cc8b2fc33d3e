import { fileURLToPath } from 'node:url';
import { loadTokenizer, type Tokenizer } from '@blip2/data';
import { starterUrl } from '@blip2/starter';
import { rng } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { collateStage2, type Sample, type SampleSource } from './stage2-batches.js';

const ids = { bos: 2, pad: 1, eos: [2] };
let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer(fileURLToPath(starterUrl('language')));
});

const images = [
  { phrases: ['snake three left', 'pig one right'], samples: [{ prompt: 'a picture of', target: 'three snakes' }] },
  { phrases: ['fox one'], samples: [] },
  {
    phrases: ['keys four'],
    samples: [
      { prompt: 'question: what is it? answer:', target: 'key' },
      { prompt: 'a picture of', target: 'four keys' },
    ],
  },
];

const source = (samples: (index: number) => readonly Sample[]): SampleSource => ({
  features: {
    length: images.length,
    gather: async (places) => tf.tensor3d(places.map((place) => [[place]])),
    close: async () => {},
  },
  phrases: (index) => images[index]?.phrases ?? [],
  samples,
});

const options = () => ({ language: { tokenizer, ids }, random: rng(0) });
const read = (flat: number[], mask: number[]): string => tokenizer.decode(flat.filter((_, i) => mask[i] === 1)).trim();

test('a batch has the texts of each image, prompts padded on the left and targets on the right', async () => {
  const batch = await collateStage2(
    source((index) => images[index]?.samples ?? []),
    [2, 0, 1],
    options(),
  );
  const { imageIndex, promptIds, promptMask, targetIds, targetMask } = batch.texts ?? {};
  expect(imageIndex?.arraySync()).toEqual([0, 0, 1]);
  const prompts = promptIds?.arraySync() ?? [];
  const targets = targetIds?.arraySync() ?? [];
  expect(prompts.map((row, i) => read(row, promptMask?.arraySync()[i] ?? []))).toEqual([
    'question: what is it? answer:',
    'a picture of',
    'a picture of',
  ]);
  expect(promptMask?.arraySync().map((row) => row.at(-1))).toEqual([1, 1, 1]);
  expect(targets.map((row, i) => read(row, targetMask?.arraySync()[i] ?? []))).toEqual([
    'key',
    'four keys',
    'three snakes',
  ]);
  expect(targets.map((row, i) => row[(targetMask?.arraySync()[i] ?? []).lastIndexOf(1)])).toEqual([2, 2, 2]);
  const { phraseIds, phraseMask } = batch as Required<typeof batch>;
  expect(phraseIds.shape.slice(0, 2)).toEqual([3, 2]);
  const phrases = phraseIds
    .arraySync()
    .map((rows, i) => rows.map((row, r) => read(row, phraseMask.arraySync()[i]?.[r] ?? [])));
  expect(phrases).toEqual([
    ['keys four', ''],
    ['snake three left', 'pig one right'],
    ['fox one', ''],
  ]);
});

test('held-out words stand where the words of targets and phrases do, and those of several tokens are refused', async () => {
  const target = 'a light bulb above two pigs';
  const holdingOut = (word: string) =>
    collateStage2(
      {
        ...source(() => [
          { prompt: 'a picture of', target, heldOut: [{ place: 4, word }] },
          { prompt: 'a picture of', target, heldOut: [{ place: 0, word }] },
          { prompt: 'a picture of', target },
        ]),
        heldOutOfPhrases: (index) => (index === 0 ? [undefined, word] : [word]),
      },
      [0, 1],
      options(),
    );
  const { texts, ...rest } = await holdingOut('three');
  const id = (word: string): number => tokenizer.encode(` ${word}`, { addSpecialTokens: false })[0]!;
  expect(rest.phraseHeldOutIds?.arraySync()).toEqual([
    [-1, id('three')],
    [id('three'), -1],
  ]);
  const [first = [], second = [], third = []] = texts?.heldOutIds?.arraySync() ?? [];
  const tokens = texts?.targetIds.arraySync()[0] ?? [];
  expect(first).toEqual(tokens.map((token) => (token === id('two') ? id('three') : -1)));
  expect(second).toEqual(tokens.map((_, i) => (i === 0 ? id('three') : -1)));
  expect(third).toEqual(tokens.map(() => -1));
  tf.dispose([Object.values(rest), Object.values(texts ?? {})]);
  await expectNoLeak(async () => {
    await expect(holdingOut('xylophonist')).rejects.toThrow(
      /^The held-out word 'xylophonist' is \d tokens of the language model; hold out words of one\.$/,
    );
  });
});

test('the tokens of a word have its weight, and the end of a target and of the padding 1', async () => {
  const target = 'a light bulb above two pigs';
  const { texts, ...rest } = await collateStage2(
    source(() => [
      { prompt: 'a picture of', target, weights: [0.5, 0, 0.25] },
      { prompt: 'a picture of', target: 'two pigs' },
    ]),
    [0],
    options(),
  );
  const [first = [], second = []] = texts?.targetWeights?.arraySync() ?? [];
  const tokens = (text: string): number => tokenizer.encode(` ${text}`, { addSpecialTokens: false }).length;
  const [a, light, bulb] = [tokens('a'), tokens('a light'), tokens('a light bulb')];
  expect(first).toEqual(first.map((_, i) => (i < a ? 0.5 : i < light ? 0 : i < bulb ? 0.25 : 1)));
  expect(second).toEqual(first.map(() => 1));
  expect(first.length).toBe(texts?.targetIds.shape[1]);
  tf.dispose([Object.values(rest), Object.values(texts ?? {})]);
});

test('images without samples have phrases alone, and a source without phrases has none; nothing is left alive', async () => {
  const batch = await collateStage2(
    source(() => []),
    [0, 1],
    options(),
  );
  expect(Object.keys(batch).sort()).toEqual(['features', 'phraseIds', 'phraseMask']);
  await expectNoLeak(async () => {
    const { texts, ...rest } = await collateStage2(
      source((index) => images[index]?.samples ?? []),
      [0, 2],
      options(),
    );
    tf.dispose([Object.values(rest), Object.values(texts ?? {})]);
  });
  const { phrases: _, ...unnamed } = source((index) => images[index]?.samples ?? []);
  await expectNoLeak(async () => {
    const { texts, ...rest } = await collateStage2(unnamed, [0, 2], options());
    expect([Object.keys(rest), texts?.imageIndex.shape]).toEqual([['features'], [3]]);
    tf.dispose([Object.values(rest), Object.values(texts ?? {})]);
  });
});
