import { expect, test } from '@jest/globals';
import { type DecodingOptions, settingsOf } from './options.js';
import { warp } from './warp.js';

const model = { ids: { bos: 0, pad: 1, eos: [2] } };
const logs = (...p: number[]): Float32Array => Float32Array.from(p, Math.log);

/** The probabilities that are left, before they are made to add up to 1 again; 0 where a token was dropped. */
const warped = (scores: Float32Array, options: DecodingOptions): number[] =>
  [...warp(scores, settingsOf(model, { topK: 0, ...options }))].map(Math.exp);

const close = (...p: number[]) => p.map((x) => expect.closeTo(x, 6));

test('the temperature divides', () => {
  const scores = warp(Float32Array.of(2, -4), settingsOf(model, { temperature: 2 }));
  expect([...scores]).toEqual([1, -2]);
});

test('top-k keeps the k largest, and whatever equals the last of them', () => {
  expect(warped(logs(0.1, 0.4, 0.2, 0.3), { topK: 2 })).toEqual(close(0, 0.4, 0, 0.3));
  expect(warped(logs(0.1, 0.3, 0.3, 0.3), { topK: 2 })).toEqual(close(0, 0.3, 0.3, 0.3));
  expect(warped(logs(0.1, 0.9), { topK: 50 })).toEqual(close(0.1, 0.9));
});

test.each<[number, number[], number[]]>([
  [0.8, [0.3, 0.1, 0.1, 0.5], [0.3, 0, 0, 0.5]], // the two of transformers' own test
  [0.8, [0.15, 0.3, 0.3, 0.25], [0, 0.3, 0.3, 0.25]],
  [0.5, [0.4, 0.35, 0.25], [0.4, 0.35, 0]], // 0.25 may go, 0.25 + 0.35 is more than 1 - p
  [0.5, [0.75, 0.25], [0.75, 0]],
  [0.5, [0.25, 0.25, 0.25, 0.25], [0, 0, 0.25, 0.25]], // of equals the first go
  [0.01, [0.4, 0.35, 0.25], [0.4, 0, 0]], // one always stays
])('top-p %d drops what lies below: %j -> %j', (topP, from, to) => {
  expect(warped(logs(...from), { topP })).toEqual(close(...to));
});

test('the temperature comes first, then top-k, then top-p', () => {
  const left = (options: DecodingOptions, ...p: number[]): number =>
    warped(logs(...p), options).filter((x) => x > 0).length;
  expect(left({ topP: 0.9 }, 0.8, 0.15, 0.05)).toBe(2);
  expect(left({ topP: 0.9, temperature: 2 }, 0.8, 0.15, 0.05)).toBe(3); // 0.149 of the flattened is more than 0.1
  expect(left({ topP: 0.75 }, 0.4, 0.3, 0.2, 0.1)).toBe(3);
  expect(left({ topP: 0.75, topK: 3 }, 0.4, 0.3, 0.2, 0.1)).toBe(2); // 0.2 / 0.9 is less than 0.25
});

test('with several beams one token more than there are ends stays', () => {
  expect(warped(logs(0.6, 0.3, 0.1), { topK: 1, beams: 2 })).toEqual(close(0.6, 0.3, 0));
  expect(warped(logs(0.6, 0.3, 0.1), { topP: 0.1, beams: 2 })).toEqual(close(0.6, 0.3, 0));
  expect(warped(logs(0.6, 0.3, 0.1), { topP: 0.1, beams: 2, eosIds: [0, 2] })).toEqual(close(0.6, 0.3, 0.1));
});
