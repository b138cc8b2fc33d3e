import * as tf from '@tensorflow/tfjs';

/**
 * Runs layers one after the other. What a layer leaves behind is freed before the next begins, so that a long prompt takes the memory
 * of one layer; what a gradient needs is kept by its tape.
 * @param x [B,L,W], which stays the caller's
 * @param layer computes the output of layer `i` from its parameters and input
 */
export function throughLayers<P>(
  layers: readonly P[],
  x: tf.Tensor,
  layer: (p: P, x: tf.Tensor, i: number) => tf.Tensor,
): tf.Tensor {
  let input = x;
  for (const [i, p] of layers.entries()) {
    const below = input;
    input = tf.tidy(() => layer(p, below, i));
    if (below !== x) below.dispose();
  }
  return input;
}
