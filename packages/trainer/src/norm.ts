import { dispose, type Flat, mapFlat } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** The sum of squares of each tensor, in the order of the paths: [P]. Nothing is read back. */
export function squaredNorms(grads: Flat): tf.Tensor1D {
  return tf.tidy(() => tf.stack(Object.values(grads).map((grad) => tf.sum(tf.square(grad)))) as tf.Tensor1D); // [P]
}

/** The norm of all gradients together, as one scalar on the device. */
export function globalNorm(grads: Flat): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.sum(squaredNorms(grads))) as tf.Scalar);
}

export interface ClipOptions {
  /** The largest global norm. */
  readonly max: number;
  /** What the gradients will be multiplied by later, so that the norm is that of the scaled ones. Default 1. */
  readonly gradScale?: number;
  /** `squaredNorms(grads)` where it is known already. */
  readonly squares?: tf.Tensor1D;
}

/**
 * `min(1, max / (norm + 1e-6))`, by which clipping multiplies gradients, as PyTorch's `clip_grad_norm_`. It stays on the
 * device: give it to the optimizer as `factor`.
 */
export function clipFactor(grads: Flat, { max, gradScale = 1, squares }: ClipOptions): tf.Scalar {
  return tf.tidy(() => {
    const norm = tf.mul(tf.sqrt(tf.sum(squares ?? squaredNorms(grads))), gradScale);
    return tf.minimum(1, tf.div(max, tf.add(norm, 1e-6))) as tf.Scalar;
  });
}

/** Gradients multiplied by `clipFactor`. Takes them over and returns new ones. */
export function clipGlobalNorm(grads: Flat, options: ClipOptions): Flat {
  const factor = clipFactor(grads, options);
  const clipped = mapFlat(grads, (grad) => tf.mul(grad, factor));
  factor.dispose();
  dispose(grads);
  return clipped;
}
