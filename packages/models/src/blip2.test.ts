import { readFile } from 'node:fs/promises';
import { decodeImage } from '@blip2/data';
import { expectNoLeak, fixture, json } from '@blip2/testing';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type Blip2, fromPretrained } from './blip2.js';

type Decoded = 'greedy' | 'beam' | 'beam_lp' | 'beam_min';
type Case = { image: string; prompt: string; input_ids: number[] | null } & { [K in Decoded]: number[] } & {
  [K in 'beam_scores' | 'beam_lp_scores' | 'beam_min_scores']: number[];
} & { beam_min_all: number[][] };

const cases = (await json<{ cases: Case[] }>(fixture('hf-opt/golden.json'))).cases;
const photo = (name: string): string => fixture(`photos/${name}`);
/** Image tokens and BOS stand before what is made, whatever the prompt. */
const given = ({ input_ids }: Case): number => input_ids?.length ?? 6;
let model: Blip2;

beforeAll(async () => {
  await useBackend({ backend: 'simd', threads: 1 });
  model = await fromPretrained(fixture('hf-opt'));
});
afterAll(() => model.dispose());

describe.each(cases.map((c) => [c.image, c.prompt, c] as const))('%s, "%s", as transformers', (image, prompt, c) => {
  const common = { prompt, maxNewTokens: 12 };
  const caption = (options: object) => model.caption(photo(image), { ...common, ...options });

  test('by 5 beams, and greedily', async () => {
    const { tokens, score } = await caption({});
    expect(tokens).toEqual(c.beam.slice(given(c)));
    expect(score).toBeCloseTo(c.beam_scores[0]!, 4);
    expect((await caption({ beams: 1 })).tokens).toEqual(c.greedy.slice(given(c)));
  });

  test('by penalties that count image and prompt ids', async () => {
    const { tokens, score } = await caption({ beams: 3, lengthPenalty: -1, repetitionPenalty: 1.5 });
    expect(tokens).toEqual(c.beam_lp.slice(given(c)));
    expect(score / c.beam_lp_scores[0]!).toBeCloseTo(1, 4);
  });
});

test('a question is put as the published models were asked', async () => {
  const c = cases[4]!;
  const chosen = { maxNewTokens: 12, beams: 4, minNewTokens: 5, lengthPenalty: 2 };
  const { answer, tokens } = await model.ask(photo(c.image), 'What animal is this?', chosen);
  expect(tokens).toEqual(c.beam_min.slice(given(c)));
  expect(answer).toBe('e\f eotototot');
  const own = { ...chosen, template: 'Question: {} Answer:' };
  expect((await model.ask(photo(c.image), 'what animal is this?', own)).tokens).toEqual(tokens);
  await expect(model.ask(photo(c.image), 'what?', { template: 'what' })).rejects.toThrow('has no {}');
});

test('several texts, best first; a batch of images with prompts of their own gives what each gives alone', async () => {
  const options = { maxNewTokens: 12, beams: 4, minNewTokens: 5, lengthPenalty: 2, returnSequences: 2 };
  await expectNoLeak(async () => {
    const some = [cases[1]!, cases[2]!, cases[5]!];
    const all = await model.caption(
      some.map(({ image }) => photo(image)),
      { ...options, prompt: some.map(({ prompt }) => prompt) },
    );
    for (const [i, c] of some.entries()) {
      const trimmed = c.beam_min_all.map((ids) => ids.slice(given(c)).filter((id) => id !== 1)); // without padding
      expect(all[i]!.captions!.map(({ tokens }) => tokens)).toEqual(trimmed);
      expect(all[i]!.captions![0]).toEqual({ ...all[i], captions: undefined });
    }
    expect(await model.caption([])).toEqual([]);
  });
  const two = [photo('rocket.jpg'), photo('chelsea.png')];
  await expect(model.caption(two, { prompt: ['one'] })).rejects.toThrow('There are 1 texts for 2 images');
});

test('questions about an image share one look at it', async () => {
  const image = photo('rocket.jpg');
  const questions = Array.from({ length: 10 }, (_, i) => `what is ${i}?`);
  const short = { beams: 1, maxNewTokens: 3 };
  await expectNoLeak(async () => {
    const encode = jest.spyOn(model.models[0]!.vision, 'encode');
    const answers = await model.ask(image, questions, short);
    expect(encode).toHaveBeenCalledTimes(1);
    using encoded = await model.encodeImage(image);
    for (const i of [0, 3, 9])
      expect(answers[i]!.tokens).toEqual((await model.ask(encoded, questions[i]!, short)).tokens);
    const pieces: string[] = [];
    for await (const piece of model.stream(encoded, { question: questions[3]!, maxNewTokens: 3 })) pieces.push(piece);
    expect(pieces.join('')).toBe(answers[3]!.answer.replace(/\uFFFD+$/u, ''));
    expect(encode).toHaveBeenCalledTimes(2);
    encode.mockRestore();
    const pair = await model.ask([encoded, photo('chelsea.png')], [questions[1]!, questions[2]!], short);
    expect(pair[0]!.tokens).toEqual(answers[1]!.tokens);
    expect(pair[1]!.tokens).toEqual((await model.ask(photo('chelsea.png'), questions[2]!, short)).tokens);
    using other = await fromPretrained(fixture('hf-opt'));
    await expect(other.caption(encoded)).rejects.toThrow('encoded by another image encoder');
  });
});

test('a dialogue is what was asked and answered, then the question', async () => {
  const image = photo('chelsea.png');
  const history = [
    { question: 'What animal is this?', answer: 'a cat ' },
    { question: 'how old?', answer: 'young' },
  ];
  const prompt =
    'Question: what animal is this? Answer: a cat. Question: how old? Answer: young. Question: why? Answer:';
  const common = { maxNewTokens: 3, beams: 2, lengthPenalty: -1 };
  const { answer, tokens } = await model.ask(image, 'Why?', { ...common, history });
  const { caption, tokens: same } = await model.caption(image, { ...common, prompt });
  expect([answer, tokens]).toEqual([caption, same]);
});

test('samples: by the seed, one beam unless more are asked for, never what no text has', async () => {
  const image = photo('rocket.jpg');
  const options = { sample: true, temperature: 3, topK: 0, maxNewTokens: 4, returnSequences: 6 };
  const { captions } = await model.caption(image, { ...options, seed: 1 });
  expect(new Set(captions!.map(({ tokens }) => String(tokens))).size).toBeGreaterThan(3);
  expect((await model.caption(image, { ...options, seed: 1 })).captions).toEqual(captions);
  expect((await model.caption(image, { ...options, seed: 2 })).captions).not.toEqual(captions);
  expect(captions!.some(({ tokens }) => tokens.includes(419))).toBe(false);
  const streamed = { ...options, returnSequences: undefined, seed: 1 };
  const pieces: string[] = [];
  for await (const piece of model.stream(image, streamed)) pieces.push(piece);
  expect(captions![0]!.caption.startsWith(pieces.join(''))).toBe(true);
  const nucleus = await model.caption(image, { decoding: 'captionNucleus', returnSequences: 5, maxNewTokens: 2 });
  expect(nucleus.captions).toHaveLength(5); // so its beams are five
});

test('a preset is what its options are, and what is asked for goes above it', async () => {
  const image = photo('chelsea.png');
  const lavis = { beamRules: '4.33', countPrompt: false, repetitionPenalty: 1.15, lengthPenalty: 0 } as const;
  const spelt = { ...lavis, beams: 5, prompt: 'a photo of', maxNewTokens: 29, minNewTokens: 7 };
  const short = { maxNewTokens: 8, prompt: '' };
  expect(await model.caption(image, { decoding: 'captionCoco', ...short })).toEqual(
    await model.caption(image, { ...spelt, ...short }),
  );
  await expect(model.caption(image, { decoding: 'vqa' })).rejects.toThrow("is for the task 'ask'");
});

test('defaults: 5 beams; 30 new tokens for a caption, 10 and length penalty -1 for an answer', async () => {
  const image = photo('rocket.jpg');
  const same = { beams: 5, lengthPenalty: 1, repetitionPenalty: 1, maxNewTokens: 30 };
  expect(await model.caption(image)).toEqual(await model.caption(image, { ...same, prompt: '' }));
  const asked = await model.ask(image, 'what?');
  expect(asked).toEqual(await model.ask(image, 'what?', { ...same, lengthPenalty: -1, maxNewTokens: 10 }));
});

test('an image is a path, bytes or pixels; streaming gives the greedy caption in pieces', async () => {
  await expectNoLeak(async () => {
    const path = photo('rocket.jpg');
    const options = { prompt: 'a photo of', beams: 1, maxNewTokens: 12 };
    const expected = await model.caption(path, options);
    expect(await model.caption(new Uint8Array(await readFile(path)), options)).toEqual(expected);
    expect(await model.caption(await decodeImage(path), options)).toEqual(expected);
    const pieces: string[] = [];
    for await (const piece of model.stream(path, options)) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('').replaceAll('\uFFFD', '')).toBe(expected.caption.replaceAll('\uFFFD', ''));
    for await (const piece of model.stream(path, options)) {
      expect(piece).toBe(pieces[0]);
      break;
    }
  });
});

test('an aborted caption throws the reason and leaves nothing', async () => {
  await expectNoLeak(async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(model.caption(photo('rocket.jpg'), { signal })).rejects.toThrow('enough');
  });
});

test('images and texts are matched as in transformers', async () => {
  await expectNoLeak(async () => {
    using retrievalModel = await fromPretrained(fixture('hf-itm'));
    const golden = await json<{ images: string[]; texts: string[]; itm_probability: number[]; itc: number[][] }>(
      fixture('hf-itm/golden.json'),
    );
    for (const [i, image] of golden.images.entries()) {
      const matches = await retrievalModel.match(photo(image), golden.texts);
      for (const [j, { itc }] of matches.entries()) expect(itc).toBeCloseTo(golden.itc[i]![j]!, 5);
      expect(matches[i]!.itm).toBeCloseTo(golden.itm_probability[i]!, 5);
      const alone = await retrievalModel.match(photo(image), golden.texts[1]!);
      expect(alone.itm).toBeCloseTo(matches[1]!.itm, 5); // padding is masked
    }
    await expect(retrievalModel.caption(photo('rocket.jpg'))).rejects.toThrow(
      'has no language model to generate text with',
    );
  });
  await expect(model.match(photo('rocket.jpg'), 'a rocket')).rejects.toThrow('has no matching heads');
});

test('the EXIF orientation of images is applied unless loading says otherwise', async () => {
  const images = await json<Record<string, { file: string }>>(fixture('images/pillow.json'));
  const bytes = Buffer.from(images['jpeg-exif6']!.file, 'base64');
  const text = 'a cat';
  using oriented = await fromPretrained(fixture('hf-itm'));
  using stored = await fromPretrained(fixture('hf-itm'), { orient: false });
  const decoded = await Promise.all([true, false].map((orient) => decodeImage(bytes, { orient })));
  expect(await oriented.match(bytes, text)).toEqual(await stored.match(decoded[0]!, text));
  expect(await stored.match(bytes, text)).toEqual(await oriented.match(decoded[1]!, text));
  expect((await oriented.match(bytes, text)).itc).not.toBe((await stored.match(bytes, text)).itc);
});
