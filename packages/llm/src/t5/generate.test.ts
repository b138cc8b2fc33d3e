import { dispose } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type Case, config, golden, loadModel, promptOf, Q, readTensors } from '../../test/golden-t5.js';
import { generate, padded } from '../decoding/generate.js';
import type { DecodingOptions, Sequence } from '../decoding/options.js';
import type { LanguageModel } from '../language-model.js';

let model: LanguageModel;
let soft: tf.Tensor;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await loadModel();
  soft = (await readTensors('golden', ['language_projection'])).language_projection as tf.Tensor;
});
afterAll(() => {
  soft.dispose();
  model.dispose?.();
});

const start = config.decoderStart;
const whole = (sequences: readonly Sequence[]): number[][] => sequences.map(({ ids }) => [start, ...ids]);

async function decode(c: Case, options: DecodingOptions): Promise<Sequence[]> {
  const { softPrompt, promptIds } = promptOf(c, soft) as { softPrompt: tf.Tensor; promptIds: tf.Tensor };
  const given = { maxNewTokens: 12, history: [[start]], ...options };
  const [sequences = []] = await generate(model, { softPrompt, promptIds }, given);
  dispose([softPrompt, promptIds]);
  return sequences;
}

const expectScores = (sequences: Sequence[], expected: number[]): void => {
  expect(sequences).toHaveLength(expected.length);
  expected.forEach((score, i) => {
    const difference = Math.abs((sequences[i]?.score as number) - score);
    expect(difference).toBeLessThan(5e-5 * Math.max(1, Math.abs(score)));
  });
};

describe.each(golden.cases.map((c, i) => [i, c] as const))('case %i of transformers', (_, c) => {
  test('greedy', async () => {
    expect(whole(await decode(c, {}))).toEqual([c.greedy]);
  });

  test('5 beams', async () => {
    const sequences = await decode(c, { beams: 5 });
    expect(whole(sequences)).toEqual([c.beam]);
    expectScores(sequences, c.beam_scores);
  });

  test('3 beams, length penalty -1, repetition penalty 1.5', async () => {
    const sequences = await decode(c, { beams: 3, lengthPenalty: -1, repetitionPenalty: 1.5 });
    expect(whole(sequences)).toEqual([c.beam_lp]);
    expectScores(sequences, c.beam_lp_scores);
  });

  test('4 beams, length penalty 2, at least 5 new tokens, 2 sequences', async () => {
    const sequences = await decode(c, { beams: 4, lengthPenalty: 2, minNewTokens: 5, returnSequences: 2 });
    expect(padded(whole(sequences), config.pad)).toEqual(padded(c.beam_min_all, config.pad));
    expectScores(sequences, c.beam_min_scores);
  });
});

test('a batch padded on the right gives each row what it gets alone, and leaves no tensor', async () => {
  const { input_ids, attention_mask, greedy } = golden.batch;
  const columns = (rows: number[][]) =>
    tf.tensor2d(
      rows.map((row) => row.slice(Q)),
      undefined,
      'int32',
    );
  await expectNoLeak(async () => {
    const [promptIds, promptMask] = [columns(input_ids), columns(attention_mask)];
    const prompt = { softPrompt: soft, promptIds, promptMask };
    const rows = await generate(model, prompt, { maxNewTokens: 12 });
    expect(padded(whole(rows.flat()), config.pad)).toEqual(greedy);
    const options = { beams: 4, lengthPenalty: 2, minNewTokens: 5, returnSequences: 2 };
    const both = await generate(model, prompt, { maxNewTokens: 12, ...options });
    const alone = [await decode(golden.cases[2] as Case, options), await decode(golden.cases[5] as Case, options)];
    expect(both.map(whole)).toEqual(alone.map(whole));
    dispose([promptIds, promptMask]);
  });
});
