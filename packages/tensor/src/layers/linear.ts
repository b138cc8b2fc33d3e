import * as tf from '@tensorflow/tfjs';
import { linearOp } from '../ops/linear.js';
import { type Initializer, normal, type ParamSpec, type Params, param, zeros } from '../spec.js';

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

/** [...,I] -> [...,O] */
export function linear(p: Linear, x: tf.Tensor): tf.Tensor {
  const [output, input] = p.weight.shape as [number, number];
  if (x.shape[x.rank - 1] !== input) {
    throw new Error(`A linear layer of ${input} inputs was given a tensor of shape [${x.shape}].`);
  }
  return tf.tidy(() => {
    const y = linearOp(tf.reshape(x, [-1, input]) as tf.Tensor2D, p.weight, p.bias);
    return tf.reshape(y, [...x.shape.slice(0, -1), output]); // [...,O]
  });
}
