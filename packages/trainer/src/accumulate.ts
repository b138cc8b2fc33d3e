import { dispose, type Flat, type LossTerms, mapFlat, valueAndGrads } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** Terms and gradients of one batch, or summed over several. Both are owned. */
export interface Gradients {
  readonly terms: LossTerms;
  readonly grads: Flat;
}

/**
 * Adds one more batch to a sum; takes both over. Divide by the number of batches (`gradScale`) where the sum is used:
 * what is left over at the end of an epoch is simply carried into the next one.
 */
export function accumulate(sum: Gradients | undefined, more: Gradients): Gradients {
  if (!sum) return more;
  const added: Gradients = { terms: plus(sum.terms, more.terms) as LossTerms, grads: plus(sum.grads, more.grads) };
  disposeGradients(sum);
  disposeGradients(more);
  return added;
}

export function disposeGradients({ terms, grads }: Gradients): void {
  dispose(terms);
  dispose(grads);
}

const plus = (a: Flat, b: Flat): Flat =>
  mapFlat(a, (tensor, name) => {
    const other = b[name];
    if (!other) throw new Error(`The batches of one step disagree: one has '${name}', another lacks it.`);
    return tf.add(tensor, other);
  });

/** `valueAndGrads`, for losses that may give one tensor under two names. */
export function lossAndGrads(loss: () => LossTerms, trainable: Flat): Gradients {
  return valueAndGrads(() => {
    const seen = new Set<tf.Tensor>();
    const terms = mapFlat(loss(), (term) => {
      if (term.size !== 1) throw new Error(`A loss term must be a scalar, not [${term.shape}]; take its mean.`);
      const own = seen.has(term) ? term.clone() : term;
      seen.add(own);
      return own;
    });
    return terms as LossTerms;
  }, trainable);
}
