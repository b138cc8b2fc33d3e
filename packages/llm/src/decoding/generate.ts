import type { LanguageModel, Prompt } from '../language-model.js';
import { beamSearch } from './beam.js';
import { greedySearch } from './greedy.js';
import { type DecodingOptions, type Sequence, settingsOf } from './options.js';

/**
 * Goes on from a prompt by greedy search, or beam search if there are several beams.
 * @returns for each row its `returnSequences` best texts, best first; `padded` makes them equally long
 * @throws for options that make no sense, and the signal's reason when it is aborted
 */
export async function generate(
  model: LanguageModel,
  prompt: Prompt,
  options: DecodingOptions = {},
): Promise<Sequence[][]> {
  if (settingsOf(model, options).beams > 1) return beamSearch(model, prompt, options);
  return (await greedySearch(model, prompt, options)).map((sequence) => [sequence]);
}

/** Lists of ids filled with `padId` on the right until all are as long as the longest. */
export function padded(rows: readonly (readonly number[])[], padId: number): number[][] {
  const length = Math.max(0, ...rows.map((row) => row.length));
  return rows.map((row) => [...row, ...new Array<number>(length - row.length).fill(padId)]);
}
