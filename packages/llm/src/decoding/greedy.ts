import type { LanguageModel, Prompt } from '../language-model.js';
import { type DecodingOptions, historyOf, type Sequence, settingsOf } from './options.js';
import { logSoftmax, penalise } from './scores.js';

/** One token of one row. */
export interface Token {
  readonly row: number;
  readonly id: number;
  /** Its log-probability, penalties included. */
  readonly logProbability: number;
}

/**
 * Greedy search a token at a time: yields the new tokens of all rows that have not ended, as soon as they are there.
 * Rows that have ended leave the batch. Leaving the loop early frees everything.
 */
export async function* greedyTokens(
  model: LanguageModel,
  prompt: Prompt,
  options: Omit<DecodingOptions, 'beams' | 'returnSequences'> = {},
): AsyncGenerator<Token[], void, undefined> {
  const settings = settingsOf(model, options);
  settings.signal?.throwIfAborted();
  const state = model.start(prompt);
  try {
    const total = state.rows;
    let running = Array.from({ length: total }, (_, row) => ({
      row,
      ids: [] as number[],
      history: historyOf(settings, row, total),
    }));
    for (let length = 1; ; length++) {
      const logits = (await state.logits.data()) as Float32Array;
      settings.signal?.throwIfAborted();
      const V = logits.length / running.length;
      const tokens = running.map(({ row, ids, history }, i): Token => {
        const scores = penalise(logits.slice(i * V, (i + 1) * V), ids, { history, settings });
        const id = indexOfLargest(scores);
        ids.push(id);
        return { row, id, logProbability: logSoftmax(scores)[id] as number };
      });
      yield tokens;
      const open = running.flatMap((_, i) => (settings.eosIds.includes((tokens[i] as Token).id) ? [] : [i]));
      if (open.length === 0 || length === settings.maxNewTokens) return;
      settings.signal?.throwIfAborted();
      if (open.length < running.length) {
        state.reorder(open);
        running = open.map((i) => running[i] as (typeof running)[number]);
      }
      state.step(running.map(({ ids }) => ids.at(-1) as number));
    }
  } finally {
    state.dispose();
  }
}

/** Greedy search to the end; one text a row. */
export async function greedySearch(
  model: LanguageModel,
  prompt: Prompt,
  options: Omit<DecodingOptions, 'beams' | 'returnSequences'> = {},
): Promise<Sequence[]> {
  const ids: number[][] = [];
  const sums: number[] = [];
  for await (const tokens of greedyTokens(model, prompt, options)) {
    for (const { row, id, logProbability } of tokens) {
      ids[row] = [...(ids[row] ?? []), id];
      sums[row] = (sums[row] ?? 0) + logProbability;
    }
  }
  const { lengthPenalty } = settingsOf(model, options);
  return ids.map((row, i) => ({ ids: row, score: (sums[i] as number) / row.length ** lengthPenalty }));
}

function indexOfLargest(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] as number) > (scores[best] as number)) best = i;
  return best;
}
