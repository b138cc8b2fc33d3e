import { dispose, type Flat, type LossTerms, mapFlat, type OnGradient, valueAndGrads } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** Loss terms and gradients of one batch, or their sums over several; the caller owns the tensors. */
export interface Gradients {
  readonly terms: LossTerms;
  /** Gradients of `total` by path. */
  readonly grads: Flat;
}

/**
 * Adds the loss terms and gradients of one more batch to a sum, and frees both summands. Divide by the number of batches
 * (`gradScale`) where the sum is used.
 * @param sum undefined for the first batch
 * @throws when the two have different names
 */
export function accumulate(sum: Gradients | undefined, more: Gradients): Gradients {
  if (!sum) return more;
  const added: Gradients = { terms: plus(sum.terms, more.terms) as LossTerms, grads: plus(sum.grads, more.grads) };
  disposeGradients(sum);
  disposeGradients(more);
  return added;
}

/** Frees the loss terms and gradients. */
export function disposeGradients({ terms, grads }: Gradients): void {
  dispose(terms);
  dispose(grads);
}

const plus = (a: Flat, b: Flat): Flat =>
  mapFlat(a, (tensor, name) => {
    const other = b[name];
    if (!other)
      throw new Error(
        `The batches of a step must have the same loss terms and gradients; '${name}' is missing in one of them.`,
      );
    return tf.add(tensor, other);
  });

/**
 * Computes loss terms and their gradients like `valueAndGrads` of `@blip2/tensor`, also where two names have the same tensor.
 * @param onGradient called with each gradient when it is final, while others are still computed
 * @throws for a loss term that is not a scalar
 */
export function lossAndGrads(loss: () => LossTerms, trainable: Flat, onGradient?: OnGradient): Gradients {
  const distinct = (): LossTerms => {
    const known = new Set<tf.Tensor>();
    const terms = mapFlat(loss(), (term) => {
      if (term.size !== 1) throw new Error(`A loss term must be a scalar, not [${term.shape}]; take its mean.`);
      const own = known.has(term) ? term.clone() : term;
      known.add(own);
      return own;
    });
    return terms as LossTerms;
  };
  return valueAndGrads(distinct, trainable, onGradient);
}
