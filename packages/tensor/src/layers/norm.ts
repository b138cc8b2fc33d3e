import * as tf from '@tensorflow/tfjs';
import { layerNormOp } from '../ops/layer-norm.js';
import { rmsNormOp } from '../ops/rms-norm.js';
import { ones, type Params, param, zeros } from '../spec.js';

/** Creates the spec of a layer normalization: weight and bias [width]. */
export const layerNormSpec = (width: number) => ({ weight: param([width], ones), bias: param([width], zeros) });
/** The parameters of a layer normalization. */
export type LayerNorm = Params<ReturnType<typeof layerNormSpec>>;

/** Applies layer normalization over the last axis (Ba et al. 2016): [...,D] -> [...,D]. */
export function layerNorm(p: LayerNorm, x: tf.Tensor, epsilon: number): tf.Tensor {
  return layerNormOp(x, p.weight, p.bias, epsilon);
}

/** Creates the spec of a root mean square normalization: weight [width]. */
export const rmsNormSpec = (width: number) => ({ weight: param([width], ones) });
/** The parameters of a root mean square normalization. */
export type RmsNorm = Params<ReturnType<typeof rmsNormSpec>>;

/** Applies root mean square normalization over the last axis, as in T5 and Llama (Zhang and Sennrich 2019): [...,D] -> [...,D]. */
export function rmsNorm(p: RmsNorm, x: tf.Tensor, epsilon: number): tf.Tensor {
  return rmsNormOp(x, p.weight, epsilon);
}

/** Divides x by its L2 norm over the last axis, `x / max(||x||, 1e-12)`, as PyTorch's `normalize`. */
export function l2Normalize(x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const squares = tf.sum(tf.square(x), -1, true);
    return tf.mul(x, tf.rsqrt(tf.maximum(squares, 1e-24)));
  });
}
