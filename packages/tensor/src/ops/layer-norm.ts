import * as tf from '@tensorflow/tfjs';
import { isRecording, runNamed } from './named.js';

/**
 * Applies layer normalization over the last axis (Ba et al. 2016): `(x - mean) / sqrt(var + epsilon) * weight + bias`.
 * @param x [...,D]; weight, bias [D]
 */
export function layerNormOp(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): tf.Tensor {
  if (!isRecording()) return forward(x, { weight, bias }, epsilon);
  return tf.customGrad((...args) => {
    const [x, weight, bias, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, (tensors: tf.Tensor[]) => void];
    save([x, weight]);
    const value = forward(x, { weight, bias }, epsilon);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [x, weight] = saved as [tf.Tensor, tf.Tensor];
      return runNamed('LayerNormGrad', { dy, x, weight }, { epsilon }) ?? composeGrad(dy, x, weight, epsilon);
    };
    return { value, gradFunc };
  })(x, weight, bias);
}

const forward = (x: tf.Tensor, p: { weight: tf.Tensor; bias: tf.Tensor }, epsilon: number): tf.Tensor =>
  runNamed('LayerNorm', { x, ...p }, { epsilon })?.[0] ?? tf.tidy(() => compose(x, p.weight, p.bias, epsilon));

function standardize(x: tf.Tensor, epsilon: number): { normed: tf.Tensor; rstd: tf.Tensor } {
  const centered = tf.sub(x, tf.mean(x, -1, true));
  const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), epsilon));
  return { normed: tf.mul(centered, rstd), rstd };
}

function compose(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.add(tf.mul(standardize(x, epsilon).normed, weight), bias);
}

function composeGrad(dy: tf.Tensor, x: tf.Tensor, weight: tf.Tensor, epsilon: number): tf.Tensor[] {
  const { normed, rstd } = standardize(x, epsilon);
  const g = tf.mul(dy, weight);
  const dx = tf.mul(
    rstd,
    tf.sub(tf.sub(g, tf.mean(g, -1, true)), tf.mul(normed, tf.mean(tf.mul(g, normed), -1, true))),
  );
  const rows = Array.from({ length: x.rank - 1 }, (_, axis) => axis);
  return [dx, tf.sum(tf.mul(dy, normed), rows), tf.sum(dy, rows)];
}
