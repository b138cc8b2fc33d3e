import * as tf from '@tensorflow/tfjs';

/**
 * Computes a tensor without recording its ops for gradients, as for an index that is drawn from scores, through which
 * TensorFlow.js would otherwise differentiate.
 */
export function detached<T extends tf.Tensor>(compute: () => T): T {
  return tf.customGrad(() => ({ value: compute(), gradFunc: () => [] }))() as T;
}

/** Returns a copy of x through which no gradient flows. */
export const stopGradient = <T extends tf.Tensor>(x: T): T => detached(() => x.clone() as T);
