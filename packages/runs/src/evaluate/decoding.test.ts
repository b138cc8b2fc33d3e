import type { GenerationModel } from '@blip2/models';
import { expect, test } from '@jest/globals';
import { decodingSummary, evalDecoding } from './decoding.js';

const model = (kind: 'decoder' | 'encoder-decoder'): Pick<GenerationModel, 'language' | 'prompts'> => ({
  language: { kind } as GenerationModel['language'],
  prompts: { caption: 'a picture of', question: 'Q: {} A:' },
});

test('by default the search is greedy, with the prompts of the model', () => {
  const captions = evalDecoding('caption', {}, model('decoder'));
  expect(captions).toEqual({ beams: 1, maxNewTokens: 24, prompt: 'a picture of' });
  const vqa = evalDecoding('ask', { beams: undefined }, model('decoder'));
  expect(vqa).toEqual({ beams: 1, maxNewTokens: 8, template: 'Q: {} A:' });
  expect(decodingSummary({ captions, vqa })).toEqual({
    ...{ beams: 1, maxNewTokens: 24, prompt: 'a picture of' },
    vqa: { maxNewTokens: 8, template: 'Q: {} A:' },
  });
  expect(decodingSummary({ captions, vqa: undefined })).toEqual(captions);
  expect(decodingSummary({ captions: undefined, vqa })).toEqual(vqa);
  expect(decodingSummary({ captions: undefined, vqa: undefined })).toBeUndefined();
});

test('what is given holds for both tasks, and overrides a preset, which concerns its own task', () => {
  const given = { preset: 'captionCoco', beams: 2, prompt: 'a photo of a' } as const;
  const captions = evalDecoding('caption', given, model('decoder'));
  expect(captions).toMatchObject({ beams: 2, maxNewTokens: 29, minNewTokens: 7, repetitionPenalty: 1.15 });
  expect(captions.prompt).toBe('a photo of a');
  expect(evalDecoding('ask', given, model('decoder'))).toEqual({ beams: 2, maxNewTokens: 8, template: 'Q: {} A:' });
  expect(evalDecoding('ask', { preset: 'vqa' }, model('encoder-decoder'))).toEqual({
    ...{ beams: 5, maxNewTokens: 10, lengthPenalty: -1 },
    template: 'Question: {} Short answer:',
  });
});
