import * as tf from '@tensorflow/tfjs';
import { isRecording, runNamed } from './named.js';

/**
 * Applies root mean square normalization over the last axis (Zhang and Sennrich 2019): `x / sqrt(mean(x^2) + epsilon) * weight`.
 * @param x [...,D]; weight [D]
 */
export function rmsNormOp(x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor {
  if (!isRecording()) return forward(x, weight, epsilon);
  return tf.customGrad((...args) => {
    const [x, weight, save] = args as [tf.Tensor, tf.Tensor, (tensors: tf.Tensor[]) => void];
    save([x, weight]);
    const value = forward(x, weight, epsilon);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [x, weight] = saved as [tf.Tensor, tf.Tensor];
      return runNamed('RmsNormGrad', { dy, x, weight }, { epsilon }) ?? composeGrad(dy, x, weight, epsilon);
    };
    return { value, gradFunc };
  })(x, weight);
}

const forward = (x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor =>
  runNamed('RmsNorm', { x, weight }, { epsilon })?.[0] ?? tf.tidy(() => compose(x, weight, epsilon));

const inverseRms = (x: tf.Tensor, epsilon: number): tf.Tensor =>
  tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));

function compose(x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.mul(tf.mul(x, inverseRms(x, epsilon)), weight);
}

function composeGrad(dy: tf.Tensor, x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor[] {
  const scale = inverseRms(x, epsilon);
  const normed = tf.mul(x, scale);
  const g = tf.mul(dy, weight);
  const dx = tf.mul(scale, tf.sub(g, tf.mul(normed, tf.mean(tf.mul(g, normed), -1, true))));
  const rows = Array.from({ length: x.rank - 1 }, (_, axis) => axis);
  return [dx, tf.sum(tf.mul(dy, normed), rows)];
}
