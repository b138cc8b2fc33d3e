import { type Linear, linear } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import { gridOf } from './spec.js';

/**
 * Embeds patches: a convolution whose stride is its size, as one matrix product, since TensorFlow.js' wasm backend has no
 * gradient of conv2d's filter.
 * @param p weight [D,3,p,p] as files hold it, bias [D] or none
 * @param pixels [B,H,W,3]
 * @returns [B,N,D], patches row-major
 */
export function patchEmbed(p: Linear, pixels: tf.Tensor4D): tf.Tensor3D {
  const [B, H, W] = pixels.shape;
  const [D, , size] = p.weight.shape as [number, number, number];
  const [rows, columns] = gridOf([H, W], size);
  return tf.tidy(() => {
    const [h, w] = [rows * size, columns * size];
    const whole = h === H && w === W ? pixels : tf.slice(pixels, [0, 0, 0, 0], [B, h, w, 3]);
    const strips = tf.transpose(tf.reshape(whole, [B * rows, size, columns, size * 3]), [0, 2, 1, 3]);
    const patches = tf.reshape(strips, [B, rows * columns, size * size * 3]); // a patch's numbers: y, x, channel
    const weight = tf.transpose(tf.reshape(p.weight, [D, 3, size * size]), [0, 2, 1]);
    return linear({ ...p, weight: tf.reshape(weight, [D, size * size * 3]) }, patches) as tf.Tensor3D; // [B,N,D]
  });
}
