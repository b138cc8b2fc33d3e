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
 * PyTorch does; at least `least` stay.
 */
export function keepProbable(scores: Float32Array, p: number, least: number): void {
  const order = [...scores.keys()].filter((i) => (scores[i] as number) > Number.NEGATIVE_INFINITY);
  order.sort((a, b) => (scores[a] as number) - (scores[b] as number));
  const largest = scores[order.at(-1) ?? 0] as number;
  const weights = order.map((i) => Math.exp((scores[i] as number) - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const limit = Math.fround(1 - p);
  let sum = 0;
  for (let at = 0; at < order.length - least; at++) {
    sum = Math.fround(sum + Math.fround((weights[at] as number) / total));
    if (sum > limit) return;
    scores[order[at] as number] = Number.NEGATIVE_INFINITY;
  }
}
