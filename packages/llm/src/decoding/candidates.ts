import type { Rng } from '@blip2/tensor';
import { gumbel } from './draw.js';
import { Top } from './top.js';

/** A token that a beam may go on with. */
export interface Candidate {
  /** The beam's place among the running ones. */
  readonly beam: number;
  readonly id: number;
  /** Sum of the penalized log-probabilities, this token's included. */
  readonly sum: number;
}

/** What running beams may say next: their sums so far and the scores of each next token. -Infinity is never chosen. */
export interface Scored {
  readonly sum: number;
  /** [V] */
  readonly scores: Float32Array;
}

/** The `count` best candidates of all beams, best first. */
export function bestCandidates(beams: readonly Scored[], count: number): Candidate[] {
  const top = new Top<Omit<Candidate, 'sum'>>(count);
  beams.forEach(({ sum, scores }, beam) => {
    let threshold = top.threshold - sum;
    for (let id = 0; id < scores.length; id++) {
      const score = scores[id] as number;
      if (!(score > threshold)) continue;
      top.add(sum + score, { beam, id });
      threshold = top.threshold - sum;
    }
  });
  return top.items.map(({ score, value }) => ({ ...value, sum: score }));
}

/** As many candidates drawn without replacement, by the softmax of the sums over all beams; in the order of drawing. */
export function drawnCandidates(beams: readonly Scored[], count: number, random: Rng): Candidate[] {
  const top = new Top<Candidate>(count);
  beams.forEach(({ sum, scores }, beam) => {
    for (let id = 0; id < scores.length; id++) {
      const score = scores[id] as number;
      if (score > Number.NEGATIVE_INFINITY) top.add(sum + score + gumbel(random), { beam, id, sum: sum + score });
    }
  });
  return top.items.map(({ value }) => value);
}
