import { readFile } from 'node:fs/promises';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bleu } from './bleu.js';
import { cider } from './cider.js';
import { rougeL } from './rouge.js';
import { captionTokens } from './tokens.js';

interface Golden {
  readonly cider: number;
  readonly rougeL: number;
  readonly bleu: number[];
  readonly images: {
    readonly captions: string[];
    readonly tokens: string[];
    readonly cider: number;
    readonly rougeL: number;
  }[];
}
const json = async <T>(name: string): Promise<T> => JSON.parse(await readFile(fixture(`captions/${name}`), 'utf8'));
const golden = await json<Golden>('pycocoevalcap.json');
const candidates = golden.images.map(({ captions }) => captions[0]!);
const references = golden.images.map(({ captions }) => captions.slice(1));

test('the tokens of 525 captions in several scripts equal those of the Java tokenizer', () => {
  const captions = golden.images.flatMap((image) => image.captions);
  expect(captions.length).toBe(525);
  const tokens = golden.images.flatMap((image) => image.tokens);
  for (const [i, text] of captions.entries()) expect([text, captionTokens(text).join(' ')]).toEqual([text, tokens[i]]);
});

test('CIDEr, ROUGE-L and BLEU equal those of pycocoevalcap', () => {
  const { score, each } = cider(candidates, references);
  expect(score).toBeCloseTo(golden.cider, 9);
  for (const [i, image] of golden.images.entries()) expect(each[i]).toBeCloseTo(image.cider, 9);
  const rouge = rougeL(candidates, references);
  expect(rouge.score).toBeCloseTo(golden.rougeL, 9);
  for (const [i, image] of golden.images.entries()) expect(rouge.each[i]).toBeCloseTo(image.rougeL, 9);
  const { bleu1, bleu2, bleu3, bleu4 } = bleu(candidates, references);
  for (const [i, own] of [bleu1, bleu2, bleu3, bleu4].entries()) expect(own).toBeCloseTo(golden.bleu[i]!, 9);
});

test('the captions of public bug reports', async () => {
  const reports = await json<{
    readonly texts: string[];
    readonly tokens: string[];
    readonly references: string[][];
    readonly captions: string[];
    readonly cider: number;
    readonly rougeL: number;
    readonly bleu: number[];
  }>('reports.json');
  expect(reports.texts.map((text) => captionTokens(text).join(' '))).toEqual(reports.tokens);
  expect(cider(reports.captions, reports.references).score).toBeCloseTo(reports.cider, 9);
  expect(rougeL(reports.captions, reports.references).score).toBeCloseTo(reports.rougeL, 9);
  const { bleu1, bleu2, bleu3, bleu4 } = bleu(reports.captions, reports.references);
  for (const [i, own] of [bleu1, bleu2, bleu3, bleu4].entries()) expect(own).toBeCloseTo(reports.bleu[i]!, 9);
});

test('any text becomes tokens without spaces, in linear time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      for (const token of captionTokens(text)) expect(token).toMatch(/^[^ \n]+$/);
    }),
    { numRuns: 300, seed: 22 },
  );
  for (const part of ['a', 'a-', '1,', 'a.', '<a ', 'a@', "a'", ' .', '(']) {
    const start = performance.now();
    captionTokens(part.repeat(5000));
    expect(performance.now() - start).toBeLessThan(5000);
  }
});
