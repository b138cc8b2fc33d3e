import * as tf from '@tensorflow/tfjs';
import type { Flat } from './tree.js';

/** Named scalars, of which `total` is the one to descend. */
export type LossTerms = { total: tf.Scalar } & { [name: string]: tf.Scalar };

/**
 * The terms of a loss and the gradient of `total` with respect to each trainable tensor.
 * `loss` closes over the trainable tensors themselves (they are what it is differentiated by).
 * A tensor that the loss does not reach gets a gradient of zeros. The caller owns terms and gradients.
 */
export function valueAndGrads<T extends LossTerms>(loss: () => T, trainable: Flat): { terms: T; grads: Flat } {
  const paths = Object.keys(trainable);
  return tf.tidy(() => {
    let terms: T | undefined;
    const { grads } = tf.engine().gradients(
      () => {
        terms = loss();
        for (const term of Object.values(terms)) tf.keep(term);
        return terms.total;
      },
      paths.map((path) => trainable[path] as tf.Tensor),
      undefined,
      true,
    );
    const made = terms as unknown as T;
    unkeep(made);
    return {
      terms: made,
      grads: Object.fromEntries(paths.map((path, i) => [path, grads[i] ?? tf.zerosLike(trainable[path] as tf.Tensor)])),
    };
  });
}

/** Copies, so that the terms leave through the scope that returns them, and the kept ones end here. */
function unkeep(terms: LossTerms): void {
  for (const name of Object.keys(terms)) {
    const kept = terms[name] as tf.Scalar;
    terms[name] = kept.clone();
    kept.dispose();
  }
}
