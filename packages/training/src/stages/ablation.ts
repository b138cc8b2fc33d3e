import { show } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** The objectives of the first stage. */
export type Stage1Objective = 'itc' | 'itm' | 'itg';

/** What an ablation takes away from the first stage, to measure what it is for. Without it training is as in BLIP-2. */
export interface Stage1Ablation {
  /** Weights of the losses in their sum. Default 1 each; one of weight 0 is computed, and nothing is trained by it. */
  readonly weights?: Readonly<Partial<Record<Stage1Objective, number>>>;
  /** Negatives of ITM: `hard` (default), drawn by their similarity, or `random`, each with the same probability. */
  readonly negatives?: 'hard' | 'random';
  /**
   * Losses whose attention mask is removed: with `itc` the queries and the text of a pair see each other, and with `itg` a
   * token sees those after it, which it is to predict.
   */
  readonly unmasked?: readonly ('itc' | 'itg')[];
}

const OBJECTIVES: readonly string[] = ['itc', 'itm', 'itg'] satisfies Stage1Objective[];

/** @throws for a loss that there is not, weights that are negative or not finite, and where all are 0 */
export function checkAblation({ weights = {}, negatives = 'hard', unmasked = [] }: Stage1Ablation): void {
  for (const [name, weight] of Object.entries(weights)) {
    if (!OBJECTIVES.includes(name)) throw new Error(`Stage 1 has no loss '${name}'; weigh ${OBJECTIVES.join(', ')}.`);
    if (Number.isFinite(weight) && weight >= 0) continue;
    throw new Error(`The weight of ${name} cannot be ${weight}; give 0 or a positive number.`);
  }
  if (OBJECTIVES.every((name) => weights[name as Stage1Objective] === 0)) {
    throw new Error('All losses of stage 1 have weight 0, and nothing would be trained; leave one.');
  }
  if (!['hard', 'random'].includes(negatives)) {
    throw new Error(`The negatives of ITM cannot be ${show(negatives)}; choose hard or random.`);
  }
  for (const name of unmasked) {
    if (name !== 'itc' && name !== 'itg')
      throw new Error(`The mask of ${show(name)} cannot be removed; name itc or itg.`);
  }
}

/** The weighted sum of some losses; those of weight 0 have no part in its gradient. */
export function weighedSum(
  terms: Readonly<Partial<Record<Stage1Objective, tf.Scalar>>>,
  { weights = {} }: Stage1Ablation = {},
): tf.Scalar {
  const summed = Object.entries(terms).flatMap(([name, term]) => {
    const weight = weights[name as Stage1Objective] ?? 1;
    if (weight === 0) return [];
    return [weight === 1 ? term : (tf.mul(term, weight) as tf.Scalar)];
  });
  return summed.length === 0 ? tf.scalar(0) : (tf.addN(summed) as tf.Scalar);
}
