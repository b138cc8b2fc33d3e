import type { Linear } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/**
 * `x Wᵀ + b`, [...,I] -> [...,O], for layers that are mostly frozen: the gradient of the weight is computed only
 * when it is asked for. (`tf.fused.matMul` computes it always, which is half of a backward pass too many.)
 */
export function affine(p: Linear, x: tf.Tensor): tf.Tensor {
  const [output, input] = p.weight.shape as [number, number];
  return tf.tidy(() => {
    const y = tf.matMul(tf.reshape(x, [-1, input]), p.weight, false, true);
    return tf.reshape(p.bias ? tf.add(y, p.bias) : y, [...x.shape.slice(0, -1), output]); // [...,O]
  });
}
