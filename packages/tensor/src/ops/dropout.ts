import * as tf from '@tensorflow/tfjs';
import { mix } from '../random.js';
import { runNamed } from './named.js';

export interface DropoutOptions {
  training: boolean;
  /** Says which elements are dropped: the same seed drops the same ones, on every backend. */
  seed: number;
}

/** Element `i` is kept when `mix(i ^ mix(seed)) / 2^32 >= rate`. */
export const keepsElement = (seed: number, i: number, rate: number): boolean =>
  mix((i ^ mix(seed)) >>> 0) >= rate * 4294967296;

/** Inverted dropout (Srivastava et al. 2014). The gradient drops the same elements, found again from the seed. */
export function dropout(x: tf.Tensor, rate: number, { training, seed }: DropoutOptions): tf.Tensor {
  if (!training || rate === 0) return x.clone();
  return tf.customGrad((...args) => {
    const [x] = args as [tf.Tensor];
    return { value: drop(x, rate, seed), gradFunc: (dy: tf.Tensor) => [drop(dy, rate, seed)] };
  })(x);
}

function drop(x: tf.Tensor, rate: number, seed: number): tf.Tensor {
  return runNamed('Dropout', { x }, { rate, seed })?.[0] ?? tf.mul(x, mask(x.shape, rate, seed));
}

function mask(shape: number[], rate: number, seed: number): tf.Tensor {
  const kept = 1 / (1 - rate);
  const values = Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) =>
    keepsElement(seed, i, rate) ? kept : 0,
  );
  return tf.tensor(values, shape);
}
