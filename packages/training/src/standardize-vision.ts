import { dispose } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { Parts } from './compose.js';
import { VISION_NORM_EPSILON } from './stages/vision-norm.js';

/**
 * Begins `ln_vision` so that each channel of the encoder's features comes out with mean 0 and deviation 1 over a sample
 * of images. Features of an encoder share most of their length and direction; begun as 1 and 0, as in LAVIS, the norm
 * leaves to the Q-Former to find the little in which images differ, which in a short training it does not.
 * @param features [B,N,D] of the encoder; borrowed
 */
export function standardizeVision({ stage1 }: Pick<Parts, 'stage1'>, features: tf.Tensor3D): void {
  const begun = tf.tidy(() => {
    const { mean, variance } = tf.moments(features, -1, true);
    const normed = tf.mul(tf.sub(features, mean), tf.rsqrt(tf.add(variance, VISION_NORM_EPSILON)));
    const channel = tf.moments(normed, [0, 1]); // [D]
    const weight = tf.rsqrt(tf.add(channel.variance, FLOOR));
    return { weight: tf.keep(weight), bias: tf.keep(tf.neg(tf.mul(channel.mean, weight))) };
  });
  for (const [name, tensor] of Object.entries(begun)) {
    const path = `vision_model.post_layernorm.${name}`;
    const before = stage1[path];
    if (!before) throw new Error(`There is no '${path}' among what stage 1 trains; compose the parts first.`);
    stage1[path] = tensor;
    dispose(before);
  }
}

/** Keeps a channel that hardly varies from being blown up. */
const FLOOR = 1e-3;
