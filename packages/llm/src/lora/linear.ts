import { activation, dropout, type Linear, type LinearInput, linear } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';

/** An adapter of a linear layer. */
export interface LoraBranch {
  /** A, [rank,input]. */
  readonly down: tf.Tensor;
  /** B, [output,rank]. */
  readonly up: tf.Tensor;
  /** Factor of `B A x`. */
  readonly scale: number;
  /** Dropout of x before A. */
  readonly dropout?: { readonly rate: number; readonly seed: number } | undefined;
}

/** A linear layer, with an adapter where it has one. */
export type AdaptedLinear = Linear & { readonly lora?: LoraBranch };

/** Applies a linear layer as `linear` does, and its adapter: `W act(x) + b + residual + scale B A dropout(act(x))`. */
export function adaptedLinear(p: AdaptedLinear, x: tf.Tensor, input: LinearInput = {}): tf.Tensor {
  const { lora } = p;
  if (!lora) return linear(p, x, input);
  return tf.tidy(() => {
    const { activation: name, residual } = input;
    const activated = name === undefined ? x : activation(name)(x);
    const { down, up, scale, dropout: drop } = lora;
    const kept = drop ? dropout(activated, drop.rate, { training: true, seed: drop.seed }) : activated;
    const low = tf.mul(linear({ weight: down } as Linear, kept), scale); // [...,rank]
    const more = linear({ weight: up } as Linear, low, { residual }); // [...,O]
    return linear(p, x, { activation: name, residual: more });
  });
}
