import * as tf from '@tensorflow/tfjs';
import { gatedOp } from '../ops/gated.js';
import { type GeluKind, geluOp } from '../ops/gelu.js';

/** Exact GELU, with erf. */
export const gelu = (x: tf.Tensor): tf.Tensor => geluOp(x, 'erf');
/** GELU by tanh. */
export const geluTanh = (x: tf.Tensor): tf.Tensor => geluOp(x, 'tanh');
/** `x * sigmoid(1.702 x)`, as CLIP has it. */
export const quickGelu = (x: tf.Tensor): tf.Tensor => geluOp(x, 'quick');
/** `x * sigmoid(x)`, also called swish. */
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

/** The names that config files use (`hidden_act`). */
export type ActivationName = keyof typeof activations;
export const activationNames = Object.keys(activations) as ActivationName[];

/** @throws for a name that is not known, naming those that are. */
export function activation(name: string): (x: tf.Tensor) => tf.Tensor {
  const found = Object.hasOwn(activations, name) ? activations[name as ActivationName] : undefined;
  if (!found) throw new Error(`The activation '${name}' is not known; known are ${activationNames.join(', ')}.`);
  return found;
}

/** The form of GELU behind a name, if there is one: ops have kernels for these. */
export const geluForm = (name: string): GeluKind | undefined =>
  Object.hasOwn(forms, name) ? forms[name as keyof typeof forms] : undefined;

/**
 * `x * activation(name)(gate)`, the product inside a gated feed-forward layer; one kernel for most names.
 * @param x [...]; gate of the same shape
 * @throws where the shapes differ, and for a name that is not known
 */
export function gated(x: tf.Tensor, gate: tf.Tensor, name: string): tf.Tensor {
  const act = activation(name);
  const form = geluForm(name);
  if (form) return gatedOp(x, gate, form);
  return tf.tidy(() => tf.mul(x, act(gate)));
}
