import * as tf from '@tensorflow/tfjs';
import { linearOp } from '../ops/linear.js';
import { type Initializer, normal, type ParamSpec, type Params, param, zeros } from '../spec.js';
import { activation, geluForm } from './activation.js';

export interface LinearOptions {
  bias?: boolean;
  init?: Initializer;
  biasInit?: Initializer;
}

export type LinearSpec = { weight: ParamSpec; bias?: ParamSpec };

/** `y = x Wᵀ + b`; the weight is [output,input], as files hold it. */
export function linearSpec(input: number, output: number, options: LinearOptions = {}): LinearSpec {
  const { bias = true, init = normal(0.02), biasInit = zeros } = options;
  return { weight: param([output, input], init), ...(bias ? { bias: param([output], biasInit) } : {}) };
}

export type Linear = Params<LinearSpec>;

export interface LinearInput {
  /** Applied to x first: `y = W act(x) + b`. For the gradient x alone is kept. */
  readonly activation?: string | undefined;
  /** Added to the result, [...,O]. */
  readonly residual?: tf.Tensor | undefined;
}

/**
 * [...,I] -> [...,O], as one kernel where the backend has it.
 * @throws when the sizes do not belong together, and for an activation that is not known
 */
export function linear(p: Linear, x: tf.Tensor, { activation: name, residual }: LinearInput = {}): tf.Tensor {
  const [output, input] = p.weight.shape as [number, number];
  const shape = [...x.shape.slice(0, -1), output];
  if (x.shape[x.rank - 1] !== input) {
    throw new Error(`A linear layer of ${input} inputs was given a tensor of shape [${x.shape}].`);
  }
  if (residual && !tf.util.arraysEqual(residual.shape, shape)) {
    throw new Error(`A linear layer gives [${shape}] here, to which [${residual.shape}] cannot be added.`);
  }
  return tf.tidy(() => {
    const form = name === undefined ? undefined : geluForm(name);
    const activated = name === undefined || form ? x : activation(name)(x);
    const y = linearOp(tf.reshape(activated, [-1, input]) as tf.Tensor2D, p.weight, {
      bias: p.bias,
      activation: form,
      residual: residual && (tf.reshape(residual, [-1, output]) as tf.Tensor2D),
    });
    return tf.reshape(y, shape); // [...,O]
  });
}
