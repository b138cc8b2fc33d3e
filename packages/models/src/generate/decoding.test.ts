import { loadTokenizer } from '@blip2/data';
import { fixture } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import { type DecodingContext, decodingOptions, suppressedIds } from './decoding.js';
import { type DecodingPreset, decodingConfig, type decodingPresets } from './decoding-presets.js';

let context: DecodingContext;

beforeAll(async () => {
  const ids = { bos: 2, pad: 1, eos: [2] };
  context = { language: { ids, vocabSize: 424 }, tokenizer: await loadTokenizer(fixture('hf-opt')), imageToken: 419 };
});

test('what must not be drawn: the image token, and rows behind the last token', () => {
  expect(suppressedIds(context).sort()).toEqual([419, 420, 421, 422, 423]);
  expect(decodingOptions(context, { sample: true, suppressIds: [7] }, []).suppressIds).toEqual(
    expect.arrayContaining([7, 419, 423]),
  );
  expect(decodingOptions(context, {}, []).suppressIds).toBeUndefined(); // search follows the reference, which may say them
});

test('a stop is an id or a text of one token', () => {
  const dot = context.tokenizer.id('.')!;
  const newline = context.tokenizer.encode('\n', { addSpecialTokens: false });
  expect(newline).toHaveLength(1);
  expect(decodingOptions(context, { stop: ['.', '\n', 5] }, []).eosIds).toEqual([2, dot, ...newline, 5]);
  expect(decodingOptions(context, { stop: [5], eosIds: [9] }, []).eosIds).toEqual([9, 5]);
  expect(() => decodingOptions(context, { stop: ['an elephant'] }, [])).toThrow(/The stop "an elephant" is \d+ tokens/);
  expect(() => decodingOptions(context, { stop: [424] }, [])).toThrow('The stop 424 is not an id of this model');
});

test('the penalty counts image and prompt, or what a decoder starts with', () => {
  const history = [
    [419, 419, 2, 30],
    [419, 419, 2, 31],
  ];
  expect(decodingOptions(context, {}, history).history).toEqual(history);
  expect(decodingOptions(context, { countPrompt: false }, history).history).toEqual([[2], [2]]);
  const t5 = { ...context, language: { vocabSize: 9, ids: { bos: 1, pad: 0, eos: [1], decoderStart: 0 } } };
  expect(decodingOptions(t5, { countPrompt: false }, history).history).toEqual([[0], [0]]);
});

test('presets: lengths of LAVIS, the prompts of the paper', () => {
  const opt = { task: 'caption', kind: 'decoder' } as const;
  const t5 = { task: 'caption', kind: 'encoder-decoder' } as const;
  expect(decodingConfig('captionCoco', opt)).toMatchObject({
    beams: 5,
    maxNewTokens: 29,
    minNewTokens: 7,
    lengthPenalty: 0,
  });
  expect(decodingConfig('captionCoco', t5)).toMatchObject({
    maxNewTokens: 30,
    minNewTokens: 7,
    repetitionPenalty: 1.15,
  });
  expect(decodingConfig('captionNoCaps', opt)).toMatchObject({
    maxNewTokens: 79,
    minNewTokens: 9,
    prompt: 'a photo of',
  });
  expect(decodingConfig('captionLavis', t5)).toMatchObject({ maxNewTokens: 30, minNewTokens: 0, countPrompt: false });
  const ask = { task: 'ask' } as const;
  expect(decodingConfig('vqa', { ...opt, ...ask })).toMatchObject({
    template: 'Question: {} Answer:',
    lengthPenalty: -1,
  });
  expect(decodingConfig('vqa', { ...t5, ...ask }).template).toBe('Question: {} Short answer:');
  expect(decodingConfig('vqaLavis', { ...opt, ...ask })).toMatchObject({ lengthPenalty: 0, maxNewTokens: 10 });
  expect(decodingConfig('vqaLavis', { ...t5, ...ask }).lengthPenalty).toBe(-1);
  for (const task of ['caption', 'ask'] as const)
    expect(decodingConfig('instruct', { ...t5, task })).toMatchObject({ maxNewTokens: 256, repetitionPenalty: 1.5 });
});

test('a preset of another task, one that there is not, and one of the user', () => {
  const caption = { task: 'caption', kind: 'decoder' } as const;
  expect(() => decodingConfig('vqa', caption)).toThrow(
    "is for the task 'ask', not 'caption'; give one of caption, captionLavis",
  );
  expect(() => decodingConfig('kaption' as keyof typeof decodingPresets, caption)).toThrow(
    "no decoding preset 'kaption'",
  );
  const mine: DecodingPreset = { task: 'any', all: { beams: 2 }, decoder: { beams: 3 } };
  expect(decodingConfig(mine, caption)).toEqual({ beams: 3 });
});
