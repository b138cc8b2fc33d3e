import * as tf from '@tensorflow/tfjs';
import type { Flat } from './tree.js';

/** Named scalars, of which `total` is the one to descend. */
export type LossTerms = { total: tf.Scalar } & { [name: string]: tf.Scalar };

/**
 * The terms of a loss and the gradient of `total` with respect to each trainable tensor.
 * `loss` closes over the trainable tensors themselves (they are what it is differentiated by).
 * A tensor that the loss does not reach has no gradient. The caller owns terms and gradients.
 */
export function valueAndGrads<T extends LossTerms>(loss: () => T, trainable: Flat): { terms: T; grads: Flat } {
  const paths = Object.keys(trainable);
  return tf.tidy(() => {
    let terms: T | undefined;
    const { grads } = tf.engine().gradients(
      () => {
        terms = loss();
        for (const term of new Set(Object.values(terms))) tf.keep(term);
        return terms.total;
      },
      paths.map((path) => trainable[path] as tf.Tensor),
      undefined,
      true,
    );
    const reached = paths.flatMap((path, i) => (grads[i] ? [[path, grads[i] as tf.Tensor] as const] : []));
    return { terms: released(terms as unknown as T), grads: Object.fromEntries(reached) };
  });
}

/** Copies, which leave through the scope that returns them; the kept ones end here. */
function released<T extends LossTerms>(terms: T): T {
  const copies = Object.fromEntries(Object.entries(terms).map(([name, term]) => [name, term.clone()]));
  for (const term of new Set(Object.values(terms))) term.dispose();
  return copies as T;
}
