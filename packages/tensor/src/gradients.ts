import * as tf from '@tensorflow/tfjs';
import { backward, record } from './backward.js';
import { type Flat, mapFlat } from './tree.js';

/** The named terms of a loss, all scalars; `total` is the one that is minimized. */
export type LossTerms = { readonly total: tf.Scalar; readonly [name: string]: tf.Scalar };

/**
 * Computes the terms of a loss and the gradients of `total` with respect to trainable tensors; the caller owns both.
 * @param loss uses the tensors of `trainable`
 * @returns `grads` by path, without those of tensors on which the loss does not depend
 * @throws for an op without gradient, and within another gradient
 */
export function valueAndGrads<T extends LossTerms>(loss: () => T, trainable: Flat): { terms: T; grads: Flat } {
  const paths = Object.keys(trainable);
  return tf.tidy(() => {
    const { result: terms, tape } = record(loss);
    const xs = paths.map((path) => trainable[path] as tf.Tensor);
    const grads = backward(tape, xs, [[terms.total, tf.ones(terms.total.shape)]]);
    const reached = paths.flatMap((path, i) => (grads[i] ? [[path, grads[i] as tf.Tensor] as const] : []));
    return { terms: mapFlat(terms, (term) => term.clone()) as T, grads: Object.fromEntries(reached) };
  });
}
