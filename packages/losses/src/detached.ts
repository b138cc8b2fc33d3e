import * as tf from '@tensorflow/tfjs';

/**
 * What `make` computes, cut off from every gradient: inside a tape nothing of it is recorded.
 * An index drawn from scores needs this, for tfjs would otherwise differentiate through it.
 */
export function detached<T extends tf.Tensor>(make: () => T): T {
  return tf.customGrad(() => ({ value: make(), gradFunc: () => [] }))() as T;
}

/** The same values as a constant. */
export const stopGradient = <T extends tf.Tensor>(x: T): T => detached(() => x.clone() as T);
