import * as tf from '@tensorflow/tfjs';
import { mix } from '../random.js';
import { runNamed } from './named.js';

/** Options of `dropout`. */
export interface DropoutOptions {
  /** Whether elements are dropped at all. */
  training: boolean;
  /** Random seed; a seed drops the same elements on every backend. */
  seed: number;
}

/** Reports whether dropout keeps element `i`: where `mix(i ^ mix(seed)) / 2^32 >= rate`. */
export const keepsElement = (seed: number, i: number, rate: number): boolean =>
  mix((i ^ mix(seed)) >>> 0) >= rate * 4294967296;

/** Applies inverted dropout (Srivastava et al. 2014). The gradient recomputes the mask from the seed. */
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
