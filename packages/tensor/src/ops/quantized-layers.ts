import type * as tf from '@tensorflow/tfjs';
import { isQuantized } from '../quantized/matrix.js';
import type { GeluKind } from './gelu.js';
import { isRecording, runNamed } from './named.js';
import { attributes, packedInputs, type QuantizedAttributes } from './quantized-linear.js';

// Several steps of a decoder layer as one kernel each, where its weights are packed and no gradient is recorded: for one row, what
// TensorFlow.js does around a kernel takes longer than a small kernel itself. Results are those of the ops one by one, to the bit.

const LINEARS = 'QuantizedLinears';
const FEED_FORWARD = 'QuantizedFeedForward';

/** A norm over the last axis: layer normalization where there is a bias, else root mean square. */
export interface Norm {
  /** [D] */
  readonly weight: tf.Tensor;
  /** [D] */
  readonly bias?: tf.Tensor | undefined;
  readonly epsilon: number;
}

/** A linear layer's parameters. */
interface Layer {
  readonly weight: tf.Tensor;
  readonly bias?: tf.Tensor | undefined;
}

/**
 * Computes `norm(x) Wᵀ + b` of several layers as one kernel.
 * @returns undefined where there is no such kernel, where a weight is not packed, and while a gradient is recorded
 */
export function quantizedLinearsOp(layers: readonly Layer[], x: tf.Tensor, norm: Norm): tf.Tensor[] | undefined {
  const packed = packedLayers(layers);
  return packed && runNamed(LINEARS, { x, ...normInputs(norm), ...packed.inputs }, { ...packed.attrs, ...kind(norm) });
}

/** The layers of a feed-forward network; without a gate it is `down(act(up(x)))`, with one `down(up(x) * act(gate(x)))`. */
export interface FeedForwardLayers<L = Layer> {
  readonly gate?: L | undefined;
  readonly up: L;
  readonly down: L;
}

/**
 * Computes `x + ffn(norm(x))` as one kernel.
 * @returns undefined where there is no such kernel, where a weight is not packed, and while a gradient is recorded
 */
export function quantizedFeedForwardOp(
  { gate, up, down }: FeedForwardLayers,
  x: tf.Tensor,
  { norm, activation }: { readonly norm: Norm; readonly activation: GeluKind | 'relu' },
): tf.Tensor | undefined {
  const packed = packedLayers([up, down, ...(gate ? [gate] : [])]);
  const inputs = packed && { x, ...normInputs(norm), ...packed.inputs };
  return inputs && runNamed(FEED_FORWARD, inputs, { ...packed.attrs, ...kind(norm), activation })?.[0];
}

const normInputs = ({ weight, bias }: Norm): Record<string, tf.Tensor> => ({
  normWeight: weight,
  ...(bias && { normBias: bias }),
});
const kind = ({ epsilon }: Norm) => ({ epsilon });

/** Inputs `words0`, `scales0`, `bias0`, `words1`, … of a kernel, and what it has to know of each matrix. */
function packedLayers(layers: readonly Layer[]) {
  if (isRecording()) return undefined;
  const inputs: Record<string, tf.Tensor> = {};
  const matrices: QuantizedAttributes[] = [];
  for (const [i, { weight, bias }] of layers.entries()) {
    if (!isQuantized(weight)) return undefined;
    for (const [name, tensor] of Object.entries(packedInputs(weight))) inputs[name + i] = tensor;
    if (bias) inputs[`bias${i}`] = bias;
    matrices.push(attributes(weight));
  }
  return { inputs, attrs: { matrices } };
}
