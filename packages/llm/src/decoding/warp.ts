import type { Settings } from './options.js';
import { Top } from './top.js';

/**
 * What sampling does to the scores of a row's next token, in place, after the penalties: temperature, then top-k, then
 * top-p; what is not to be drawn becomes -Infinity. As in Hugging Face, a search with several beams keeps at least one
 * token more than there are ends, so that something can go on.
 * @param scores logits or log-probabilities [V]
 */
export function warp(scores: Float32Array, settings: Settings): Float32Array {
  const { temperature, topK, topP, beams, eosIds } = settings;
  const least = beams > 1 ? eosIds.length + 1 : 1;
  if (temperature !== 1) for (let i = 0; i < scores.length; i++) scores[i] = (scores[i] as number) / temperature;
  if (topK > 0) keepLargest(scores, Math.max(topK, least));
  if (topP < 1) keepProbable(scores, topP, least);
  return scores;
}

/** Leaves the k largest scores, and those equal to the last of them. */
export function keepLargest(scores: Float32Array, k: number): void {
  if (k >= scores.length) return;
  const top = new Top<number>(k);
  for (let i = 0; i < scores.length; i++) if ((scores[i] as number) > top.threshold) top.add(scores[i] as number, i);
  const { threshold } = top;
  for (let i = 0; i < scores.length; i++) if ((scores[i] as number) < threshold) scores[i] = Number.NEGATIVE_INFINITY;
}

/**
 * Drops the least likely scores as long as their probabilities add up to at most 1 - p, counted in float32 from below as
 * PyTorch does; at least `least` stay. Of equal scores the first go first.
 */
export function keepProbable(scores: Float32Array, p: number, least: number): void {
  const rising = scores.filter((score) => score > Number.NEGATIVE_INFINITY).sort();
  const largest = rising.at(-1) ?? 0;
  let total = 0;
  for (const score of rising) total += Math.exp(score - largest);
  const limit = Math.fround(1 - p);
  let [dropped, sum] = [0, 0];
  for (; dropped < rising.length - least; dropped++) {
    sum = Math.fround(sum + Math.fround(Math.exp((rising[dropped] as number) - largest) / total));
    if (sum > limit) break;
  }
  const lowest = rising[dropped] as number;
  let equal = dropped - rising.indexOf(lowest);
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i] as number;
    if (score < lowest || (score === lowest && equal-- > 0)) scores[i] = Number.NEGATIVE_INFINITY;
  }
}
