import { gaussian, rng } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { asynchronous, chain, EOS } from '../../test/chain.js';
import type { LanguageModel } from '../language-model.js';
import { beamSearch } from './beam.js';
import { generate } from './generate.js';
import type { DecodingOptions } from './options.js';
import { logSoftmax } from './scores.js';

beforeAll(() => tf.setBackend('cpu'));

const random = rng(7);
const table = Array.from({ length: 5 }, () => Array.from({ length: 5 }, () => 2 * gaussian(random)));
const logs = table.map((row) => [...logSoftmax(Float32Array.from(row))]);

/** Every text of at most `length` tokens with its score, best first. */
function all(length: number, lengthPenalty: number): { ids: number[]; score: number }[] {
  const done: { ids: number[]; score: number }[] = [];
  const visit = (ids: number[], sum: number): void => {
    if (ids.length === length || ids.at(-1) === EOS) {
      done.push({ ids, score: sum / ids.length ** lengthPenalty });
      return;
    }
    logs[ids.at(-1) ?? 0]!.forEach((log, id) => {
      visit([...ids, id], sum + log);
    });
  };
  visit([], 0);
  return done.sort((a, b) => b.score - a.score);
}

test.each([0, 1])('with beams enough the best texts of all are found (length penalty %i)', async (lengthPenalty) => {
  const options = { beams: 400, returnSequences: 5, maxNewTokens: 4, lengthPenalty, earlyStopping: 'never' } as const;
  const [found] = await beamSearch(chain(table), {}, options);
  const best = all(4, lengthPenalty).slice(0, 5);
  expect(found![0]!.ids).toEqual(best[0]!.ids);
  found!.forEach(({ score }, i) => {
    expect(score).toBeCloseTo(best[i]!.score, 5);
  });
});

const log = (...p: number[]): number[] => p.map((x) => Math.log(Math.max(x, 1e-9)));
const alternating = chain([log(0.3, 0.4, 0.3), log(0.6, 0, 0.4), log(0.35, 0.65, 0)]);

test.each<[DecodingOptions, number]>([
  [{ earlyStopping: true }, 2],
  [{ earlyStopping: false }, 3],
  [{ earlyStopping: 'never' }, 8],
])('%j ends as it says', async (options, longest) => {
  let steps = 1;
  const counting: LanguageModel = {
    ...alternating,
    start: (prompt) => {
      const state = alternating.start(prompt);
      const step = (ids: number[]) => {
        steps++;
        return state.step(ids);
      };
      return Object.create(state, { step: { value: step } });
    },
  };
  await beamSearch(counting, {}, { beams: 2, maxNewTokens: 8, ...options });
  expect(steps).toBe(longest);
});

test('any of several ids ends a text, and none before the least length', async () => {
  for (const beams of [1, 3]) {
    const [sequences] = await generate(
      chain(table),
      {},
      { beams, eosIds: [0, 1, 2], minNewTokens: 3, maxNewTokens: 9 },
    );
    const { ids } = sequences![0]!;
    expect(ids.length).toBeGreaterThanOrEqual(3);
    expect(ids.slice(0, 2).every((id) => id > 2)).toBe(true);
    expect(ids.length === 9 || (ids.at(-1) as number) <= 2).toBe(true);
  }
});

test('a vocabulary smaller than the beams gives what there is', async () => {
  const [found] = await beamSearch(
    chain([
      [1, 2],
      [3, 4],
    ]),
    {},
    { beams: 6, returnSequences: 6, maxNewTokens: 1 },
  );
  expect(found!.map(({ ids }) => ids)).toEqual([[1], [0]]);
});

test('logits that are not numbers are an error, not a text', async () => {
  const broken = chain([[Number.NaN, 1]]);
  for (const beams of [1, 2])
    await expect(generate(broken, {}, { beams })).rejects.toThrow('logits that are not finite');
});

test('no token that is left to say is an error', async () => {
  const all = { suppressIds: [0, 1, 2, 3, 4] };
  await expect(beamSearch(chain(table), {}, { beams: 2, ...all })).rejects.toThrow('No token is left to say');
});

test.each<DecodingOptions>([
  { beams: 1 },
  { beams: 3, returnSequences: 2 },
  { sample: true, returnSequences: 3, seed: 5 },
])(
  'a model that generates asynchronously gives the same texts and scores, and leaves nothing behind: %j',
  async (options) => {
    const models = [chain(table), asynchronous(chain(table))] as const;
    await expectNoLeak(async () => {
      const [expected, found] = [
        await generate(models[0], {}, { ...options, maxNewTokens: 6 }),
        await generate(models[1], {}, { ...options, maxNewTokens: 6 }),
      ];
      expect(found).toEqual(expected);
    });
  },
);
