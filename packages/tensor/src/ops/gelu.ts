import * as tf from '@tensorflow/tfjs';
import { isRecording, runNamed } from './named.js';

/** A form of GELU, or SiLU. */
export type GeluKind = 'erf' | 'tanh' | 'quick' | 'silu';

/**
 * Applies a form of GELU: `erf` is the exact one, `tanh` its approximation (Hendrycks and Gimpel 2016), `quick` is
 * `x * sigmoid(1.702 x)`, and `silu` is `x * sigmoid(x)` (Elfwing et al. 2017).
 */
export function geluOp(x: tf.Tensor, approximate: GeluKind): tf.Tensor {
  if (!isRecording()) return value(x, approximate);
  return tf.customGrad((...args) => {
    const [x, save] = args as [tf.Tensor, (tensors: tf.Tensor[]) => void];
    save([x]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [x] = saved as [tf.Tensor];
      return [geluGrad(dy, x, approximate)];
    };
    return { value: value(x, approximate), gradFunc };
  })(x);
}

const value = (x: tf.Tensor, approximate: GeluKind): tf.Tensor =>
  runNamed('Gelu', { x }, { approximate })?.[0] ?? tf.tidy(() => forward[approximate](x));

/** Computes the gradient: `dy` times the derivative of the activation at x. */
export function geluGrad(dy: tf.Tensor, x: tf.Tensor, approximate: GeluKind): tf.Tensor {
  return runNamed('GeluGrad', { dy, x }, { approximate })?.[0] ?? tf.mul(dy, derivative[approximate](x));
}

const tanhArgument = (x: tf.Tensor): tf.Tensor =>
  tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3))));

const cdf = (x: tf.Tensor): tf.Tensor => tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));

const sigmoidForm = (x: tf.Tensor, rate: number): tf.Tensor => tf.mul(x, tf.sigmoid(tf.mul(rate, x)));

const sigmoidDerivative = (x: tf.Tensor, rate: number): tf.Tensor => {
  const s = tf.sigmoid(tf.mul(rate, x));
  return tf.add(s, tf.mul(tf.mul(rate, x), tf.mul(s, tf.sub(1, s))));
};

/** The activations, composed of TensorFlow.js' ops. */
export const forward: Record<GeluKind, (x: tf.Tensor) => tf.Tensor> = {
  erf: (x) => tf.mul(x, cdf(x)),
  tanh: (x) => tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(tanhArgument(x)))),
  quick: (x) => sigmoidForm(x, 1.702),
  silu: (x) => sigmoidForm(x, 1),
};

/** Derivatives of the activations, composed of TensorFlow.js' ops. */
export const derivative: Record<GeluKind, (x: tf.Tensor) => tf.Tensor> = {
  erf: (x) => tf.add(cdf(x), tf.mul(x, tf.mul(1 / Math.sqrt(2 * Math.PI), tf.exp(tf.mul(-0.5, tf.square(x)))))),
  tanh: (x) => {
    const t = tf.tanh(tanhArgument(x));
    const inner = tf.mul(Math.sqrt(2 / Math.PI), tf.add(1, tf.mul(3 * 0.044715, tf.square(x))));
    return tf.add(tf.mul(0.5, tf.add(1, t)), tf.mul(tf.mul(tf.mul(0.5, x), tf.sub(1, tf.square(t))), inner));
  },
  quick: (x) => sigmoidDerivative(x, 1.702),
  silu: (x) => sigmoidDerivative(x, 1),
};
