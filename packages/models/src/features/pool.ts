import * as tf from '@tensorflow/tfjs';

/**
 * Pools the ITC features of each image to one vector: the mean over the queries, scaled to length 1, so that the dot product of two
 * is their cosine similarity.
 * @param features [I,Q,E] of `imageFeatures` of `@blip2/qformer`
 * @returns [I,E], which the caller disposes
 */
export function poolImageFeatures(features: tf.Tensor3D): tf.Tensor2D {
  return tf.tidy(() => {
    const mean = tf.mean(features, 1) as tf.Tensor2D; // [I,E]
    return tf.div(mean, tf.maximum(tf.norm(mean, 2, 1, true), 1e-12)) as tf.Tensor2D;
  });
}
