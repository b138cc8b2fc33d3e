import * as tf from '@tensorflow/tfjs';
import { layerNormOp } from '../ops/layer-norm.js';
import { rmsNormOp } from '../ops/rms-norm.js';
import { ones, type Params, param, zeros } from '../spec.js';

export const layerNormSpec = (width: number) => ({ weight: param([width], ones), bias: param([width], zeros) });
export type LayerNorm = Params<ReturnType<typeof layerNormSpec>>;

/** Layer normalization over the last axis: [...,D] -> [...,D]. */
export function layerNorm(p: LayerNorm, x: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.tidy(() => layerNormOp(x, p.weight, p.bias, epsilon));
}

export const rmsNormSpec = (width: number) => ({ weight: param([width], ones) });
export type RmsNorm = Params<ReturnType<typeof rmsNormSpec>>;

/** Root mean square normalization over the last axis, as T5 and Llama have it: [...,D] -> [...,D]. */
export function rmsNorm(p: RmsNorm, x: tf.Tensor, epsilon: number): tf.Tensor {
  return tf.tidy(() => rmsNormOp(x, p.weight, epsilon));
}

/** `x / max(||x||, 1e-12)` over the last axis, as PyTorch's `normalize`. */
export function l2Normalize(x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const squares = tf.sum(tf.square(x), -1, true);
    return tf.mul(x, tf.rsqrt(tf.maximum(squares, 1e-24)));
  });
}
