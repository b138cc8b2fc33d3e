import { hash, type Rng, rng } from '@blip2/tensor';

/** The random numbers of a row's text: the same in any batch, so that each row draws what it would draw alone. */
export const rngOf = (seed: number, sequence = 0): Rng => rng(hash(seed, String(sequence)));

/** One place drawn by its probability. @param logs log-probabilities [V] that add up to 1 */
export function draw(logs: Float32Array, random: Rng): number {
  let left = random();
  let last = 0;
  for (let i = 0; i < logs.length; i++) {
    const p = Math.exp(logs[i] as number);
    if (p === 0) continue;
    last = i;
    left -= p;
    if (left < 0) return i;
  }
  return last; // the probabilities add up to 1 but for rounding
}

/**
 * Standard Gumbel noise. The places with the largest sums of score and noise are a draw without replacement by
 * softmax(scores), in its order (Kool et al. 2019).
 */
export const gumbel = (random: Rng): number => -Math.log(-Math.log(Math.max(random(), 2 ** -33)));
