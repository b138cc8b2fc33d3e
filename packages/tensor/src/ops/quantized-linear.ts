import * as tf from '@tensorflow/tfjs';
import type { QuantizedMatrix } from '../quantized/matrix.js';
import { type GeluKind, geluGrad } from './gelu.js';
import { type LinearExtras, linearOp, rowsOf } from './linear.js';
import { runNamed } from './named.js';

const QUANTIZED_LINEAR = 'QuantizedLinear';
const GRAD = 'QuantizedLinearGrad';

/** Attributes of the named ops over a packed matrix. */
export interface QuantizedAttributes {
  readonly format: string;
  /** [output,input] */
  readonly shape: readonly number[];
}

/**
 * Computes `y = act(x) Wᵀ + b + residual` with a packed weight, whose blocks a backend's kernel reads in place; elsewhere W is
 * unpacked for the product. Differentiable with respect to x, bias and residual.
 * @param x [...,I]; weight [O,I]
 * @returns [...,O]
 */
export function quantizedLinearOp(x: tf.Tensor, weight: QuantizedMatrix, extras: LinearExtras = {}): tf.Tensor {
  const { bias, activation, residual } = extras;
  if (!tf.getKernel(QUANTIZED_LINEAR, tf.getBackend())) return tf.tidy(() => linearOp(x, unpacked(weight), extras));
  const inputs = { x, ...packedInputs(weight), ...(bias && { bias }), ...(residual && { residual }) };
  const attrs = { ...attributes(weight), activation: activation ?? 'none', weight };
  return tf.engine().runKernel(QUANTIZED_LINEAR, inputs, attrs as never) as tf.Tensor;
}

/** The tensors of a packed matrix as inputs of a kernel. */
export const packedInputs = ({ words, scales }: QuantizedMatrix): Record<string, tf.Tensor> => ({
  words,
  ...(scales && { scales }),
});

/** What a kernel has to know of a packed matrix beside its tensors. */
export const attributes = ({ format, shape }: QuantizedMatrix): QuantizedAttributes => ({ format, shape });

/** A dense copy. */
const unpacked = (weight: QuantizedMatrix): tf.Tensor2D =>
  tf.tensor2d(weight.dataSync() as Float32Array, weight.shape as [number, number]);

/** `dy W`, [N,O] -> [N,I] */
const timesWeight = (dy: tf.Tensor2D, weight: QuantizedMatrix): tf.Tensor2D =>
  (runNamed(GRAD, { dy, ...packedInputs(weight) }, { ...attributes(weight) })?.[0] as tf.Tensor2D | undefined) ??
  tf.matMul(dy, unpacked(weight));

tf.registerGradient({
  kernelName: QUANTIZED_LINEAR,
  inputsToSave: ['x'],
  gradFunc: (dy, [x], attrs) => {
    const g = rowsOf(dy as tf.Tensor);
    const { activation, weight } = attrs as unknown as { activation: GeluKind | 'none'; weight: QuantizedMatrix };
    return {
      x: () => {
        const dx = tf.reshape(timesWeight(g, weight), (x as tf.Tensor).shape);
        return activation === 'none' ? dx : geluGrad(dx, x as tf.Tensor, activation);
      },
      bias: () => tf.sum(g, 0),
      residual: () => (dy as tf.Tensor).clone(),
    };
  },
});
