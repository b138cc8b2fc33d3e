import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { chain } from '../../test/chain.js';
import { beamSearch } from './beam.js';
import type { DecodingOptions } from './options.js';

beforeAll(() => tf.setBackend('cpu'));

/** Token 0 ends; row 0 is for the beginning. */
const model = chain([
  [-1.5, 0.4, 0.9, 0.1, 0.7],
  [1.2, -0.3, 0.8, 0.2, -1.1],
  [0.3, 1.4, -0.6, 0.9, 0.5],
  [0.8, 0.6, 0.1, -0.9, 1.3],
  [0.2, -0.4, 1.1, 0.7, 0.0],
]);

/** Made with the `BeamSearchScorer` of transformers 4.33.2, whose decoder started with token 1. */
const golden: [DecodingOptions, ids: number[][], scores: number[]][] = [
  [
    { beams: 2, maxNewTokens: 3, lengthPenalty: 1 },
    [
      [4, 2, 1],
      [2, 1, 2],
    ],
    [-0.79096, -0.81378],
  ],
  [
    { beams: 3, maxNewTokens: 4, lengthPenalty: -1 },
    [
      [1, 0],
      [2, 1, 0],
    ],
    [-4.89263, -8.5653],
  ],
  [
    { beams: 3, maxNewTokens: 6, lengthPenalty: 1 },
    [
      [2, 1, 2, 1, 2, 1],
      [2, 3, 4, 2, 1, 2],
    ],
    [-0.90457, -0.93633],
  ],
  [
    { beams: 3, maxNewTokens: 6, lengthPenalty: 0, repetitionPenalty: 1.15 },
    [
      [2, 1, 0],
      [4, 2, 1, 0],
    ],
    [-2.99142, -4.1595],
  ],
  [
    { beams: 2, maxNewTokens: 5, lengthPenalty: 2, repetitionPenalty: 1.5, minNewTokens: 3 },
    [
      [4, 2, 3, 4, 2],
      [4, 2, 1, 3, 4],
    ],
    [-0.18054, -0.19058],
  ],
  [
    { beams: 4, maxNewTokens: 4, lengthPenalty: 1 },
    [
      [2, 1, 2, 1],
      [2, 3, 4, 2],
    ],
    [-0.83278, -0.87723],
  ],
  [
    { beams: 3, maxNewTokens: 3, lengthPenalty: 0 },
    [
      [1, 0],
      [2, 1, 0],
    ],
    [-2.44632, -2.8551],
  ],
];

test.each(golden)('as 4.33.2: %j', async (options, ids, scores) => {
  const common = { returnSequences: 2, history: [[1]] };
  const [found] = await beamSearch(model, {}, { ...common, ...options, beamRules: '4.33' });
  expect(found!.map((text) => text.ids)).toEqual(ids);
  found!.forEach(({ score }, i) => {
    expect(score).toBeCloseTo(scores[i]!, 4);
  });
});

test('in release 5 a text that was cut counts one token less, and loses here to one that has ended', async () => {
  const options = { beams: 2, maxNewTokens: 3 };
  const [old] = await beamSearch(model, {}, { ...options, beamRules: '4.33' });
  const [now] = await beamSearch(model, {}, options);
  expect([old![0]!.ids, now![0]!.ids]).toEqual([
    [4, 2, 1],
    [2, 1, 0],
  ]);
});
