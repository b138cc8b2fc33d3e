import { readFile } from 'node:fs/promises';
import { starterUrl } from '@blip2/starter';
import { expect, test } from '@jest/globals';
import { partBounds } from './bounds.js';

test("what the starter's parts reach alone, as their cards say", async () => {
  const { retrieval, captions, vqa } = await partBounds({ vision: 'starter', language: 'starter' });
  const card = (model: 'vision' | 'language') => readFile(new URL('README.md', starterUrl(model)), 'utf8');
  const fixed = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? 'absent';
  if (retrieval) expect(await card('vision')).toContain(`${fixed(retrieval.r1, 3)} / ${fixed(retrieval.r5, 3)}`);
  const text = await card('language');
  for (const { accuracy } of vqa?.types ?? []) expect(text).toContain(fixed(accuracy, 2));
  if (captions) expect(text).toContain(`${fixed(captions.exact, 2)} of the captions`);
  expect(vqa === undefined || vqa.types.map(({ type }) => type).join()).toMatch(
    /^(true|what,where,how many,is there)$/,
  );
});

test('of models that are not the starter’s nothing is said', async () => {
  expect(await partBounds({ vision: 'models/clip', language: 'mine' })).toEqual({});
});
