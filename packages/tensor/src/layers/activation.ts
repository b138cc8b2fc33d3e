import * as tf from '@tensorflow/tfjs';
import { gatedOp } from '../ops/gated.js';
import { type GeluKind, geluOp } from '../ops/gelu.js';

/** Exact GELU, `x/2 * (1 + erf(x / sqrt(2)))` (Hendrycks and Gimpel 2016). */
export const gelu = (x: tf.Tensor): tf.Tensor => geluOp(x, 'erf');
/** Tanh approximation of GELU (Hendrycks and Gimpel 2016). */
export const geluTanh = (x: tf.Tensor): tf.Tensor => geluOp(x, 'tanh');
/** Quick GELU, `x * sigmoid(1.702 x)`, the activation of CLIP. */
export const quickGelu = (x: tf.Tensor): tf.Tensor => geluOp(x, 'quick');
/** SiLU or swish, `x * sigmoid(x)` (Elfwing et al. 2017). */
export const silu = (x: tf.Tensor): tf.Tensor => geluOp(x, 'silu');

const forms = {
  gelu: 'erf',
  gelu_new: 'tanh',
  gelu_pytorch_tanh: 'tanh',
  quick_gelu: 'quick',
  silu: 'silu',
} as const;

const activations = {
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  quick_gelu: quickGelu,
  relu: (x: tf.Tensor): tf.Tensor => tf.relu(x),
  silu,
};

/** The name of an activation in config files (`hidden_act`). */
export type ActivationName = keyof typeof activations;
/** The names of all supported activations. */
export const activationNames = Object.keys(activations) as ActivationName[];

/** Returns the activation function of a name. @throws for an unknown name */
export function activation(name: string): (x: tf.Tensor) => tf.Tensor {
  const found = Object.hasOwn(activations, name) ? activations[name as ActivationName] : undefined;
  if (!found) throw new Error(`The activation '${name}' is not known; known are ${activationNames.join(', ')}.`);
  return found;
}

/** Returns the form of GELU of an activation's name, for which kernels exist; undefined for other activations. */
export const geluForm = (name: string): GeluKind | undefined =>
  Object.hasOwn(forms, name) ? forms[name as keyof typeof forms] : undefined;

/**
 * Computes `x * activation(name)(gate)`, the product of a gated feed-forward layer (Shazeer 2020); a single kernel for most
 * activations.
 * @param x [...]
 * @param gate the shape of x
 * @throws where the shapes differ, and for an unknown activation
 */
export function gated(x: tf.Tensor, gate: tf.Tensor, name: string): tf.Tensor {
  const act = activation(name);
  const form = geluForm(name);
  if (form) return gatedOp(x, gate, form);
  return tf.tidy(() => tf.mul(x, act(gate)));
}
