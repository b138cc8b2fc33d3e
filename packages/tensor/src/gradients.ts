import * as tf from '@tensorflow/tfjs';
import { backward, record, recordOpen } from './backward.js';
import { type Flat, mapFlat } from './tree.js';

/** The named terms of a loss, all scalars; `total` is the one that is minimized. */
export type LossTerms = { readonly total: tf.Scalar; readonly [name: string]: tf.Scalar };

/** Called with each gradient as soon as it is final, while others are still to be computed; it stays the caller's. */
export type OnGradient = (path: string, gradient: tf.Tensor) => void;

/**
 * Computes the terms of a loss and the gradients of `total` with respect to trainable tensors; the caller owns both.
 * @param loss uses the tensors of `trainable`
 * @param onGradient called with each gradient as soon as it is final, those of the last layers first
 * @returns `grads` by path, without those of tensors on which the loss does not depend
 * @throws for an op without gradient, and within another gradient
 */
export function valueAndGrads<T extends LossTerms>(
  loss: () => T,
  trainable: Flat,
  onGradient?: OnGradient,
): { terms: T; grads: Flat } {
  return gradientsOf(loss, trainable, { before: [], slopes: [], onGradient });
}

interface Backward {
  /** What was recorded before. */
  readonly before: ReturnType<typeof record>['tape'];
  readonly slopes: readonly (readonly [y: tf.Tensor, dy: tf.Tensor])[];
  readonly onGradient?: OnGradient | undefined;
}

function gradientsOf<T extends LossTerms>(
  loss: () => T,
  trainable: Flat,
  { before, slopes, onGradient }: Backward,
): { terms: T; grads: Flat } {
  const paths = Object.keys(trainable);
  return tf.tidy(() => {
    const { result: terms, tape } = record(loss);
    const xs = paths.map((path) => trainable[path] as tf.Tensor);
    const onFinal = onGradient && ((x: number, grad: tf.Tensor): void => onGradient(paths[x] as string, grad));
    const grads = backward([...before, ...tape], xs, [[terms.total, tf.ones(terms.total.shape)], ...slopes], onFinal);
    const reached = paths.flatMap((path, i) => (grads[i] ? [[path, grads[i] as tf.Tensor] as const] : []));
    return { terms: mapFlat(terms, (term) => term.clone()) as T, grads: Object.fromEntries(reached) };
  });
}

/** The first part of a forward pass, whose second part comes later. */
export interface FirstPart<R> {
  /** What `encode` returned; it is borrowed. */
  readonly result: R;
  /**
   * Computes the second part, and the gradients of both: of `total`, and of the product of results of the first part with
   * given gradients.
   * @param options.slopes tensors of the first part, each with the gradient of what is minimized by it
   * @param options.onGradient as of `valueAndGrads`
   * @returns as `valueAndGrads`
   */
  finish<T extends LossTerms>(
    loss: () => T,
    trainable: Flat,
    options: {
      readonly slopes: readonly (readonly [y: tf.Tensor, dy: tf.Tensor])[];
      readonly onGradient?: OnGradient | undefined;
    },
  ): { terms: T; grads: Flat };
  /** Frees the result, and what the gradients would need. */
  dispose(): void;
}

/**
 * Runs the first part of a forward pass, of whose results something is to be computed before the second part, possibly
 * asynchronously: by other processes, for example. The caller disposes it.
 */
export function firstPart<R>(encode: () => R): FirstPart<R> {
  const { result, tape, dispose } = recordOpen(encode);
  return {
    result,
    dispose,
    finish: (loss, trainable, { slopes, onGradient }) =>
      gradientsOf(loss, trainable, { before: tape, slopes, onGradient }),
  };
}
