import { readFile } from 'node:fs/promises';
import { decodePicture } from '@blip2/data';
import { expectNoLeak, fixture } from '@blip2/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { json } from '../../test/folders.js';
import { type Blip2, fromPretrained } from './blip2.js';

type Decoded = 'greedy' | 'beam' | 'beam_lp' | 'beam_min';
type Case = { image: string; prompt: string; input_ids: number[] | null } & { [K in Decoded]: number[] } & {
  [K in 'beam_scores' | 'beam_lp_scores' | 'beam_min_scores']: number[];
};

const cases = (await json<{ cases: Case[] }>(fixture('hf-opt/golden.json'))).cases;
const photo = (name: string): string => fixture(`photos/${name}`);
/** Image tokens and BOS stand before what is made, whatever the prompt. */
const given = ({ input_ids }: Case): number => input_ids?.length ?? 6;
let model: Blip2;

beforeAll(async () => {
  await tf.setBackend('cpu');
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

test('defaults: 5 beams; 30 new tokens for a caption, 10 and length penalty -1 for an answer', async () => {
  const image = photo('rocket.jpg');
  const same = { beams: 5, lengthPenalty: 1, repetitionPenalty: 1, maxNewTokens: 30 };
  expect(await model.caption(image)).toEqual(await model.caption(image, { ...same, prompt: '' }));
  const asked = await model.ask(image, 'what?');
  expect(asked).toEqual(await model.ask(image, 'what?', { ...same, lengthPenalty: -1, maxNewTokens: 10 }));
});

test('a picture is a path, bytes or pixels; streaming gives the greedy caption in pieces', async () => {
  await expectNoLeak(async () => {
    const path = photo('rocket.jpg');
    const options = { prompt: 'a photo of', beams: 1, maxNewTokens: 12 };
    const expected = await model.caption(path, options);
    expect(await model.caption(new Uint8Array(await readFile(path)), options)).toEqual(expected);
    expect(await model.caption(await decodePicture(path), options)).toEqual(expected);
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

test('pictures and texts are matched as in transformers', async () => {
  await expectNoLeak(async () => {
    using judge = await fromPretrained(fixture('hf-itm'));
    const golden = await json<{ images: string[]; texts: string[]; itm_probability: number[]; itc: number[][] }>(
      fixture('hf-itm/golden.json'),
    );
    for (const [i, image] of golden.images.entries()) {
      const matches = await judge.match(photo(image), golden.texts);
      for (const [j, { itc }] of matches.entries()) expect(itc).toBeCloseTo(golden.itc[i]![j]!, 5);
      expect(matches[i]!.itm).toBeCloseTo(golden.itm_probability[i]!, 5);
      const alone = await judge.match(photo(image), golden.texts[1]!);
      expect(alone.itm).toBeCloseTo(matches[1]!.itm, 5); // padding is not seen
    }
    await expect(judge.caption(photo('rocket.jpg'))).rejects.toThrow('has no language model to speak with');
  });
  await expect(model.match(photo('rocket.jpg'), 'a rocket')).rejects.toThrow('has no matching heads');
});
