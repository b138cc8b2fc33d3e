import * as tf from '@tensorflow/tfjs';
import { linearOp } from '../ops/linear.js';
import { quantizedLinearOp } from '../ops/quantized-linear.js';
import { isQuantized } from '../quantized/matrix.js';
import { type Initializer, normal, type ParamSpec, type Params, param, zeros } from '../spec.js';
import { activation, geluForm } from './activation.js';

/** Options of `linearSpec`. */
export interface LinearOptions {
  /** Whether there is a bias. Default true. */
  bias?: boolean;
  /** Initializer of the weight. Default N(0, 0.02²). */
  init?: Initializer;
  /** Initializer of the bias. Default zeros. */
  biasInit?: Initializer;
}

/** The spec of a linear layer: weight [output,input], bias [output]. */
export type LinearSpec = { weight: ParamSpec; bias?: ParamSpec };

/** Creates the spec of a linear layer, `y = x Wᵀ + b`, with the weight [output,input] as in PyTorch. */
export function linearSpec(input: number, output: number, options: LinearOptions = {}): LinearSpec {
  const { bias = true, init = normal(0.02), biasInit = zeros } = options;
  return {
    weight: param([output, input], init, { packable: true }),
    ...(bias ? { bias: param([output], biasInit) } : {}),
  };
}

/** The parameters of a linear layer. */
export type Linear = Params<LinearSpec>;

/** Optional inputs of `linear`. */
export interface LinearInput {
  /** Name of an activation that is applied to x first, `y = act(x) Wᵀ + b`; only x is kept for the gradient. */
  readonly activation?: string | undefined;
  /** Added to the output, [...,O]. */
  readonly residual?: tf.Tensor | undefined;
}

/**
 * Applies a linear layer, `act(x) Wᵀ + b + residual`: [...,I] -> [...,O]. A single kernel where the backend has one. The weight
 * may be a `QuantizedMatrix`, which is frozen: gradients are those with respect to x, bias and residual.
 * @throws when shapes do not match, and for an unknown activation
 */
export function linear(p: Linear, x: tf.Tensor, { activation: name, residual }: LinearInput = {}): tf.Tensor {
  const [output, input] = p.weight.shape as [number, number];
  const shape = [...x.shape.slice(0, -1), output];
  if (x.shape[x.rank - 1] !== input) {
    throw new Error(`A linear layer of ${input} inputs needs x [...,${input}], not [${x.shape}].`);
  }
  if (residual && !tf.util.arraysEqual(residual.shape, shape)) {
    throw new Error(
      `A linear layer with the output [${shape}] needs a residual of that shape, not [${residual.shape}].`,
    );
  }
  const form = name === undefined ? undefined : geluForm(name);
  const extras = { bias: p.bias, activation: form, residual };
  const of = (x: tf.Tensor): tf.Tensor =>
    isQuantized(p.weight) ? quantizedLinearOp(x, p.weight, extras) : linearOp(x, p.weight, extras); // [...,O]
  return name === undefined || form ? of(x) : tf.tidy(() => of(activation(name)(x)));
}
