import {
  activation,
  dropout,
  type FeedForward,
  gated,
  type Linear,
  type LinearInput,
  linear,
  type NormInput,
  normed,
  normedFeedForward,
  normedLinears,
} from '@blip2/tensor';
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

const isAdapted = (layers: readonly (AdaptedLinear | undefined)[]): boolean => layers.some((layer) => layer?.lora);

/** Applies several linear layers to one normalized input as `normedLinears` does, and their adapters. */
export function adaptedLinears(layers: readonly AdaptedLinear[], x: tf.Tensor, input: NormInput): tf.Tensor[] {
  if (!isAdapted(layers)) return normedLinears(layers, x, input);
  return tf.tidy(() => {
    const given = normed(x, input);
    return layers.map((layer) => adaptedLinear(layer, given));
  });
}

/** Applies a feed-forward network after a norm as `normedFeedForward` does, and its adapters. */
export function adaptedFeedForward(
  layers: FeedForward,
  x: tf.Tensor,
  input: NormInput & { readonly activation: string },
): tf.Tensor {
  const { gate, up, down } = layers;
  if (!isAdapted([gate, up, down])) return normedFeedForward(layers, x, input);
  return tf.tidy(() => {
    const { activation } = input;
    const given = normed(x, input);
    const wide = adaptedLinear(up, given);
    if (!gate) return adaptedLinear(down, wide, { activation, residual: x });
    return adaptedLinear(down, gated(wide, adaptedLinear(gate, given), activation), { residual: x });
  });
}
