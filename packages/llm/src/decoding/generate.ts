import type { LanguageModel, Prompt } from '../language-model.js';
import { beamSearch } from './beam.js';
import { type DecodingOptions, type Sequence, settingsOf } from './options.js';
import { generateTokens } from './tokens.js';

/**
 * Generates texts after a prompt: by greedy search, by beam search where `beams` is above 1, or by sampling with either.
 * @returns for each row its `returnSequences` texts, the best first unless they are independent samples; `padded` makes
 * them equally long
 * @throws for invalid options, and the signal's reason when it is aborted
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

/** Pads lists of ids with `padId` on the right to the length of the longest. */
export function padded(rows: readonly (readonly number[])[], padId: number): number[][] {
  const length = Math.max(0, ...rows.map((row) => row.length));
  return rows.map((row) => [...row, ...new Array<number>(length - row.length).fill(padId)]);
}
