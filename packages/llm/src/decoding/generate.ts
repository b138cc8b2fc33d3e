import type { LanguageModel, Prompt } from '../language-model.js';
import { beamSearch } from './beam.js';
import { type DecodingOptions, type Sequence, settingsOf } from './options.js';
import { generateTokens } from './tokens.js';

/**
 * Goes on from a prompt: by greedy search, beam search if there are several beams, or sampling with either.
 * @returns for each row its `returnSequences` texts, the best first unless they were drawn one by one; `padded` makes
 * them equally long
 * @throws for options that make no sense, and the signal's reason when it is aborted
 */
export async function generate(
  model: LanguageModel,
  prompt: Prompt,
  options: DecodingOptions = {},
): Promise<Sequence[][]> {
  const { beams, lengthPenalty } = settingsOf(model, options);
  if (beams > 1) return beamSearch(model, prompt, options);
  const rows: { ids: number[]; sum: number }[][] = [];
  for await (const tokens of generateTokens(model, prompt, options)) {
    for (const { row, sequence, id, logProbability } of tokens) {
      const { ids, sum } = rows[row]?.[sequence] ?? { ids: [], sum: 0 };
      rows[row] ??= [];
      (rows[row] as (typeof rows)[number])[sequence] = { ids: [...ids, id], sum: sum + logProbability };
    }
  }
  return rows.map((texts) => texts.map(({ ids, sum }) => ({ ids, score: sum / ids.length ** lengthPenalty })));
}

/** Lists of ids filled with `padId` on the right until all are as long as the longest. */
export function padded(rows: readonly (readonly number[])[], padId: number): number[][] {
  const length = Math.max(0, ...rows.map((row) => row.length));
  return rows.map((row) => [...row, ...new Array<number>(length - row.length).fill(padId)]);
}
