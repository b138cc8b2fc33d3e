import { dispose, type Flat, mapFlat } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** Computes the sum of squares of each gradient, in the order of the paths, on the device: [P]. */
export function squaredNorms(grads: Flat): tf.Tensor1D {
  return tf.tidy(() => tf.stack(Object.values(grads).map((grad) => tf.sum(tf.square(grad)))) as tf.Tensor1D); // [P]
}

/** Computes the global norm of the gradients, as a scalar on the device. */
export function globalNorm(grads: Flat): tf.Scalar {
  return tf.tidy(() => tf.sqrt(tf.sum(squaredNorms(grads))) as tf.Scalar);
}

/** Options of gradient clipping. */
export interface ClipOptions {
  /** The largest global norm. */
  readonly max: number;
  /** Factor by which the gradients are multiplied later; the norm is that of the scaled ones. Default 1. */
  readonly gradScale?: number;
  /** `squaredNorms(grads)`, if it has been computed already. */
  readonly squares?: tf.Tensor1D;
}

/**
 * Computes the factor `min(1, max / (norm + 1e-6))` of clipping by global norm, as PyTorch's `clip_grad_norm_`. It stays on
 * the device; pass it to the optimizer as `factor`.
 */
export function clipFactor(grads: Flat, { max, gradScale = 1, squares }: ClipOptions): tf.Scalar {
  return tf.tidy(() => {
    const norm = tf.mul(tf.sqrt(tf.sum(squares ?? squaredNorms(grads))), gradScale);
    return tf.minimum(1, tf.div(max, tf.add(norm, 1e-6))) as tf.Scalar;
  });
}

/** Clips gradients by their global norm: frees the given ones and returns new ones. */
export function clipGlobalNorm(grads: Flat, options: ClipOptions): Flat {
  const factor = clipFactor(grads, options);
  const clipped = mapFlat(grads, (grad) => tf.mul(grad, factor));
  factor.dispose();
  dispose(grads);
  return clipped;
}
