import { dispose } from '@blip2/tensor';
import { expectNoLeak } from '@blip2/testing';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type Case, golden, historyOf, loadModel, promptOf, readTensors } from '../../test/golden.js';
import type { LanguageModel, Prompt, SyncLanguageModel } from '../language-model.js';
import { generate, padded } from './generate.js';
import type { DecodingOptions, Sequence } from './options.js';
import { generateTokens } from './tokens.js';

let model: SyncLanguageModel;
let soft: tf.Tensor;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await loadModel();
  soft = (await readTensors('golden', ['language_projection'])).language_projection!;
});
afterAll(() => {
  soft.dispose();
  model.dispose?.();
});

async function decode(c: Case, options: DecodingOptions): Promise<Sequence[]> {
  const prompt = promptOf(c, soft);
  const [sequences] = await generate(model, prompt, { maxNewTokens: 12, history: [historyOf(c)], ...options });
  dispose([prompt.softPrompt!, prompt.promptIds!]);
  return sequences!;
}

/** The whole ids, as transformers gives them. */
const whole = (c: Case, { ids }: Sequence): number[] => [...historyOf(c), ...ids];

const expectScores = (sequences: Sequence[], expected: number[]): void => {
  expect(sequences).toHaveLength(expected.length);
  expected.forEach((score, i) => {
    expect(Math.abs(sequences[i]!.score - score)).toBeLessThan(1e-5 * Math.max(1, Math.abs(score)));
  });
};

describe.each(golden.cases.map((c, i) => [i, c] as const))('case %i of transformers', (_, c) => {
  test('greedy', async () => {
    const [sequence] = await decode(c, {});
    expect(whole(c, sequence!)).toEqual(c.greedy);
  });

  test('5 beams', async () => {
    const sequences = await decode(c, { beams: 5 });
    expect(whole(c, sequences[0]!)).toEqual(c.beam);
    expectScores(sequences, c.beam_scores);
  });

  test('3 beams, length penalty -1, repetition penalty 1.5', async () => {
    const sequences = await decode(c, { beams: 3, lengthPenalty: -1, repetitionPenalty: 1.5 });
    expect(whole(c, sequences[0]!)).toEqual(c.beam_lp);
    expectScores(sequences, c.beam_lp_scores);
  });

  test('4 beams, length penalty 2, at least 5 new tokens, 2 sequences', async () => {
    const sequences = await decode(c, { beams: 4, lengthPenalty: 2, minNewTokens: 5, returnSequences: 2 });
    expect(whole(c, sequences[0]!)).toEqual(c.beam_min);
    expect(
      padded(
        sequences.map((s) => whole(c, s)),
        1,
      ),
    ).toEqual(padded(c.beam_min_all, 1));
    expectScores(sequences, c.beam_min_scores);
  });
});

test('drawn from the likeliest token alone: as greedy', async () => {
  const c = golden.cases[3]!;
  const sequences = await decode(c, { sample: true, topK: 1, temperature: 3, returnSequences: 2 });
  for (const sequence of sequences) expect(whole(c, sequence)).toEqual(c.greedy);
  const [sequence] = await decode(c, { sample: true, topP: 1e-6, topK: 0 });
  expect(whole(c, sequence!)).toEqual(c.greedy);
});

describe('a batch', () => {
  const { input_ids, attention_mask, greedy } = golden.batch;
  const Q = input_ids[0]!.filter((id) => id === historyOf(golden.cases[0]!)[0]).length;
  const batch = (): Prompt => ({
    softPrompt: soft,
    promptIds: tf.tensor2d(
      input_ids.map((row) => row.slice(Q)),
      undefined,
      'int32',
    ),
    promptMask: tf.tensor2d(
      attention_mask.map((row) => row.slice(Q)),
      undefined,
      'int32',
    ),
  });
  const free = ({ promptIds, promptMask }: Prompt): void => dispose([promptIds!, promptMask!]);

  test('padded as transformers pads it gives its ids', async () => {
    const prompt = batch();
    const rows = await generate(model, prompt, { maxNewTokens: 12 });
    const ids = rows.map(([sequence], i) => [...input_ids[i]!, ...sequence!.ids]);
    expect(padded(ids, model.ids.pad)).toEqual(greedy);
    free(prompt);
  });

  test('gives each row what it gets alone, whatever the other row does', async () => {
    const prompt = batch();
    const drawn = { sample: true, temperature: 2, returnSequences: 2, maxNewTokens: 4 };
    for (const options of [
      { beams: 5 },
      drawn,
      { ...drawn, beams: 3 },
      { beams: 4, lengthPenalty: 2, minNewTokens: 5, returnSequences: 2 },
    ]) {
      const rows = await generate(model, prompt, { maxNewTokens: 12, ...options });
      const alone = [await decode(golden.cases[2]!, options), await decode(golden.cases[5]!, options)];
      expect(rows.map((row) => row.map(({ ids }) => ids))).toEqual(alone.map((row) => row.map(({ ids }) => ids)));
    }
    free(prompt);
  });
});

describe('what generation leaves behind', () => {
  const c = golden.cases[5]!;

  test.each([1, 3])('no tensor, with %i beams', async (beams) => {
    await expectNoLeak(() => decode(c, { beams }));
  });

  test.each([1, 3])('no tensor when it is aborted, with %i beams', async (beams) => {
    await expectNoLeak(async () => {
      const controller = new AbortController();
      const stopping: LanguageModel = {
        ...model,
        start: (prompt) => {
          const state = model.start(prompt);
          let steps = 0;
          return Object.create(state, {
            step: {
              value: (ids: number[]) => {
                if (++steps === 3) controller.abort(new Error('enough'));
                return state.step(ids);
              },
            },
          });
        },
      };
      const prompt = promptOf(c, soft);
      await expect(generate(stopping, prompt, { beams, signal: controller.signal })).rejects.toThrow('enough');
      dispose([prompt.softPrompt!, prompt.promptIds!]);
    });
  });

  test('no tensor when a stream is left early, and each token as it comes', async () => {
    await expectNoLeak(async () => {
      const prompt = promptOf(c, soft);
      const ids: number[] = [];
      for await (const [token] of generateTokens(model, prompt)) {
        ids.push(token!.id);
        if (ids.length === 3) break;
      }
      expect(whole(c, { ids, score: 0 })).toEqual(c.greedy.slice(0, historyOf(c).length + 3));
      dispose([prompt.softPrompt!, prompt.promptIds!]);
    });
  });

  test('nothing is started under a signal that is already aborted', async () => {
    const signal = AbortSignal.abort(new Error('before'));
    const start = (): never => {
      throw new Error('started');
    };
    await expect(generate({ ...model, start }, {}, { signal })).rejects.toThrow('before');
    await expect(generate({ ...model, start }, {}, { signal, beams: 2 })).rejects.toThrow('before');
  });
});

test.each<[DecodingOptions, string]>([
  [{ beams: 0 }, 'beams must be a whole number of at least 1, not 0'],
  [{ maxNewTokens: 1.5 }, 'maxNewTokens must be a whole number'],
  [{ returnSequences: 2 }, 'returnSequences is 2 but there are only 1 beams'],
  [{ returnSequences: 4, beams: 3, sample: true }, 'returnSequences is 4 but there are only 3 beams'],
  [{ minNewTokens: 5, maxNewTokens: 3 }, 'minNewTokens is 5 but maxNewTokens only 3'],
  [{ sample: true, temperature: 0 }, 'temperature must be above 0, not 0; for the most likely'],
  [{ sample: true, topK: -1 }, 'topK must be a whole number of at least 0'],
  [{ sample: true, topP: 1.1 }, 'topP must be above 0 and at most 1'],
  [{ sample: true, seed: 0.5 }, 'seed must be a whole number'],
  [{ repetitionPenalty: 0 }, 'repetitionPenalty must be above 0'],
  [{ lengthPenalty: Number.NaN }, 'lengthPenalty must be a finite number'],
  [{ history: [[], []] }, 'There are 2 histories for 1 rows'],
])('refuses %j', async (options, message) => {
  await expectNoLeak(async () => {
    const prompt = promptOf(golden.cases[0]!, soft);
    await expect(generate(model, prompt, options)).rejects.toThrow(message);
    dispose([prompt.softPrompt!, prompt.promptIds!]);
  });
});
