import * as tf from '@tensorflow/tfjs';
import { type FeedForwardLayers, quantizedFeedForwardOp, quantizedLinearsOp } from '../ops/quantized-layers.js';
import { gated, geluForm } from './activation.js';
import { type Linear, linear } from './linear.js';
import { type LayerNorm, layerNorm, type RmsNorm, rmsNorm } from './norm.js';

/** A norm before a sublayer: layer normalization where it has a bias, else root mean square. */
export interface NormInput {
  readonly norm: LayerNorm | RmsNorm;
  readonly epsilon: number;
}

/** Applies the norm before a sublayer: [...,D] -> [...,D]. */
export const normed = (x: tf.Tensor, { norm, epsilon }: NormInput): tf.Tensor =>
  'bias' in norm ? layerNorm(norm, x, epsilon) : rmsNorm(norm, x, epsilon);

/**
 * Applies several linear layers to one normalized input, `norm(x) Wᵀ + b` each: [...,I] -> [...,O]. A single kernel where the
 * weights are packed and no gradient is recorded.
 */
export function normedLinears(layers: readonly Linear[], x: tf.Tensor, input: NormInput): tf.Tensor[] {
  return (
    quantizedLinearsOp(layers, x, { ...input.norm, epsilon: input.epsilon }) ??
    tf.tidy(() => {
      const given = normed(x, input);
      return layers.map((layer) => linear(layer, given));
    })
  );
}

/** The layers of a feed-forward network, gated (Shazeer 2020) where there is a gate. */
export type FeedForward = FeedForwardLayers<Linear>;

/**
 * Applies a feed-forward network after a norm, and adds its input: `x + down(act(up(norm(x))))`, or with a gate
 * `x + down(up(norm(x)) * act(gate(norm(x))))`: [...,D] -> [...,D]. A single kernel where the weights are packed and no gradient is
 * recorded.
 */
export function normedFeedForward(
  layers: FeedForward,
  x: tf.Tensor,
  { activation, ...input }: NormInput & { readonly activation: string },
): tf.Tensor {
  const form = activation === 'relu' ? 'relu' : geluForm(activation);
  const norm = { ...input.norm, epsilon: input.epsilon };
  const fused = form && quantizedFeedForwardOp(layers, x, { norm, activation: form });
  if (fused) return fused;
  return tf.tidy(() => {
    const { gate, up, down } = layers;
    const given = normed(x, input);
    if (!gate) return linear(down, linear(up, given), { activation, residual: x });
    return linear(down, gated(linear(up, given), linear(gate, given), activation), { residual: x });
  });
}
