import { dispose } from '@blip2/tensor';
import * as tf from '@tensorflow/tfjs';
import type { Parts } from './compose.js';
import { VISION_NORM_EPSILON } from './stages/vision-norm.js';

/**
 * Initializes `ln_vision`, the layer norm between image encoder and Q-Former, so that each channel of its output has mean 0
 * and standard deviation 1 over a sample of images. LAVIS initializes its weight as 1 and its bias as 0; features of
 * different images are then almost equal, and a short training does not find their differences.
 * @param features [S,N,D] of the encoder; borrowed
 * @throws where the parts have no stage 1
 */
export function standardizeVision({ stage1 }: Pick<Parts, 'stage1'>, features: tf.Tensor3D): void {
  const norm = tf.tidy(() => {
    const { mean, variance } = tf.moments(features, -1, true);
    const normed = tf.mul(tf.sub(features, mean), tf.rsqrt(tf.add(variance, VISION_NORM_EPSILON)));
    const channel = tf.moments(normed, [0, 1]); // [D]
    const weight = tf.rsqrt(tf.add(channel.variance, FLOOR));
    return { weight: tf.keep(weight), bias: tf.keep(tf.neg(tf.mul(channel.mean, weight))) };
  });
  for (const [name, tensor] of Object.entries(norm)) {
    const path = `vision_model.post_layernorm.${name}`;
    const before = stage1[path];
    if (!before) throw new Error(`There is no '${path}' among what stage 1 trains; compose the parts first.`);
    stage1[path] = tensor;
    dispose(before);
  }
}

/** Limits the weight of a channel that hardly varies. */
const FLOOR = 1e-3;
