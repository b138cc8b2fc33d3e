import { rng } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { chain } from '../../test/chain.js';
import { drawnCandidates } from './candidates.js';
import { generate } from './generate.js';
import type { DecodingOptions } from './options.js';
import { generateTokens } from './tokens.js';

beforeAll(() => tf.setBackend('cpu'));

/** The probabilities of what comes first, and of what follows each token. Token 0 ends. */
const p = [
  [0.1, 0.4, 0.3, 0.2],
  [0.5, 0.2, 0.2, 0.1],
  [0.25, 0.25, 0.25, 0.25],
  [0.05, 0.05, 0.1, 0.8],
];
const model = chain(p.map((row) => row.map(Math.log)));
const DRAWS = 4000;

/** The texts of one row, as many as are drawn. */
async function draws(options: DecodingOptions): Promise<number[][]> {
  const common = { sample: true, returnSequences: DRAWS, maxNewTokens: 2 };
  const [texts] = await generate(model, {}, { ...common, ...options });
  return texts!.map(({ ids }) => ids);
}

/** Pearson's statistic of how often each of several things came, against how often each should. */
function chiSquare(found: readonly string[], expected: Readonly<Record<string, number>>): number {
  const counts = new Map<string, number>();
  for (const thing of found) counts.set(thing, (counts.get(thing) ?? 0) + 1);
  let sum = 0;
  for (const [thing, probability] of Object.entries(expected)) {
    const wanted = probability * found.length;
    sum += ((counts.get(thing) ?? 0) - wanted) ** 2 / wanted;
    counts.delete(thing);
  }
  return counts.size === 0 ? sum : Number.POSITIVE_INFINITY; // something that cannot be
}

/** The probability of each text of at most two tokens, each row as `shape` makes it. */
function texts(shape: (row: number[]) => number[]): Record<string, number> {
  const all: Record<string, number> = {};
  shape(p[0]!).forEach((first, a) => {
    if (first === 0) return;
    if (a === 0) all['0'] = first;
    else
      shape(p[a]!).forEach((second, b) => {
        if (first * second > 0) all[`${a},${b}`] = first * second;
      });
  });
  return all;
}

const normal = (row: number[]): number[] => row.map((x) => x / row.reduce((a, b) => a + b));

/** With 12 degrees of freedom chance exceeds it once in a thousand times. */
const LIMIT = 32.9;

test.each<[DecodingOptions, (row: number[]) => number[]]>([
  [{}, normal],
  [{ temperature: 0.5 }, (row) => normal(row.map((x) => x ** 2))],
  [{ temperature: 2 }, (row) => normal(row.map(Math.sqrt))],
  [{ topK: 2 }, (row) => normal(row.map((x) => (x >= [...row].sort((a, b) => b - a)[1]! ? x : 0)))],
])('texts come as often as their probabilities say: %j', async (options, shape) => {
  const found = (await draws(options)).map(String);
  expect(chiSquare(found, texts(shape))).toBeLessThan(LIMIT);
  const other = texts((row) => shape(row).map((x, i) => (i === 1 ? 1.2 * x : x)));
  expect(chiSquare(found, other)).toBeGreaterThan(LIMIT); // the test would see a fifth more of one token
});

test('what is suppressed is never drawn, nor an end before the least length', async () => {
  const found = await draws({ suppressIds: [3], minNewTokens: 2 });
  expect(found.every((ids) => ids.length === 2 && ids[0] !== 0 && !ids.includes(3))).toBe(true);
  const least = texts((row) => normal(row.map((x, i) => (i === 3 ? 0 : x))));
  delete least['0'];
  const first = normal([0.4, 0.3]);
  for (const key of Object.keys(least)) {
    const [a, b] = key.split(',').map(Number) as [number, number];
    const after = normal(p[a]!.map((x, i) => (i === 3 || i === 0 ? 0 : x)));
    if (b === 0) delete least[key];
    else least[key] = first[a - 1]! * after[b]!;
  }
  expect(chiSquare(found.map(String), least)).toBeLessThan(LIMIT);
});

test('the seed decides; texts of one call differ', async () => {
  const twice = [await draws({ seed: 3, maxNewTokens: 9 }), await draws({ seed: 3, maxNewTokens: 9 })];
  expect(twice[0]).toEqual(twice[1]);
  expect(new Set(twice[0]!.map(String)).size).toBeGreaterThan(100);
  expect(await draws({ seed: 4, maxNewTokens: 9 })).not.toEqual(twice[0]);
});

test('a score is the log-probability of what was drawn, among what could be', async () => {
  const [found] = await generate(model, {}, { sample: true, returnSequences: 50, maxNewTokens: 2, topK: 2 });
  const shape = (row: number[]): number[] => normal(row.map((x) => (x >= [...row].sort((a, b) => b - a)[1]! ? x : 0)));
  for (const { ids, score } of found!) expect(score).toBeCloseTo(Math.log(texts(shape)[String(ids)]!) / ids.length, 5);
});

test('tokens stream as they are drawn, and nothing is left behind', async () => {
  const options = { sample: true, returnSequences: 3, maxNewTokens: 6, seed: 1 };
  const [whole] = await generate(model, {}, options);
  await expectNoLeak(async () => {
    const texts: number[][] = [[], [], []];
    for await (const tokens of generateTokens(model, {}, options))
      for (const { sequence, id } of tokens) texts[sequence]!.push(id);
    expect(texts).toEqual(whole!.map(({ ids }) => ids));
    for await (const _ of generateTokens(model, {}, options)) break;
    await generate(model, {}, { ...options, beams: 3 });
  });
});

test('without replacement: pairs of three come as often as by hand', () => {
  const scored = [{ sum: 0, scores: Float32Array.from([0.5, 0.3, 0.2], Math.log) }];
  const random = rng(11);
  const pairs = Array.from({ length: DRAWS }, () =>
    drawnCandidates(scored, 2, random)
      .map(({ id }) => id)
      .sort()
      .join(),
  );
  // P(0,1) = 0.5 · 0.3/0.5 + 0.3 · 0.5/0.7, and so on
  const expected = { '0,1': 0.3 + 0.15 / 0.7, '0,2': 0.2 + 0.1 / 0.8, '1,2': 0.06 / 0.7 + 0.06 / 0.8 };
  expect(chiSquare(pairs, expected)).toBeLessThan(13.8); // 2 degrees of freedom
  expect(chiSquare(pairs, { '0,1': 0.3, '0,2': 0.2, '1,2': 0.5 })).toBeGreaterThan(13.8);
});

test('over several beams what was said before counts, and nothing is drawn twice', () => {
  const scored = [
    { sum: Math.log(0.75), scores: Float32Array.from([0.4, 0.6], Math.log) },
    { sum: Math.log(0.25), scores: Float32Array.from([0, 1], Math.log) },
  ];
  const random = rng(5);
  const first = Array.from({ length: DRAWS }, () => {
    const [{ beam, id, sum }] = drawnCandidates(scored, 1, random) as [{ beam: number; id: number; sum: number }];
    expect(sum).toBeCloseTo(scored[beam]!.sum + scored[beam]!.scores[id]!, 6);
    return `${beam}${id}`;
  });
  expect(chiSquare(first, { '00': 0.3, '01': 0.45, '11': 0.25 })).toBeLessThan(13.8);
  expect(
    drawnCandidates(scored, 9, random)
      .map(({ beam, id }) => `${beam}${id}`)
      .sort(),
  ).toEqual(['00', '01', '11']);
});

test('of drawn beams the first are cut, or in release 4.33 the best', async () => {
  const open = chain([[0.4, 0.3, 0.2, 0.1].map(Math.log)]);
  const options = { sample: true, beams: 2, maxNewTokens: 1, eosIds: [] };
  const found = (beamRules: '5' | '4.33') =>
    Promise.all(
      Array.from({ length: DRAWS / 2 }, async (_, seed) => {
        const [texts] = await generate(open, {}, { ...options, beamRules, seed });
        return String(texts![0]!.ids);
      }),
    );
  // the better of two that were drawn without replacement
  const b = 0.06 / 0.7 + 0.06 / 0.8 + 0.03 / 0.7 + 0.03 / 0.9;
  const c = 0.02 / 0.8 + 0.02 / 0.9;
  expect(chiSquare(await found('5'), { '0': 1 - b - c, '1': b, '2': c })).toBeLessThan(13.8);
  expect(new Set(await found('4.33'))).toEqual(new Set(['0'])); // four were drawn of four
});

test('drawn beams: the best of what was drawn, and with beams enough the best of all', async () => {
  const options = { beams: 3, maxNewTokens: 3, returnSequences: 3 };
  const drawn = await Promise.all(
    [0, 1, 2, 3].map((seed) => generate(model, {}, { ...options, sample: true, temperature: 2, seed })),
  );
  for (const [texts] of drawn) {
    const scores = texts!.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
  }
  expect(new Set(drawn.map(([texts]) => texts!.map(({ ids }) => ids).join(';'))).size).toBeGreaterThan(1);
  const wide = { beams: 400, maxNewTokens: 3, earlyStopping: 'never', returnSequences: 4 } as const;
  expect(await generate(model, {}, { ...wide, sample: true })).toEqual(await generate(model, {}, wide));
});
