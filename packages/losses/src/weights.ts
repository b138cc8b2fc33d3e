import * as tf from '@tensorflow/tfjs';

/** Sums of weights below it are of none. */
const SMALLEST_SUM = 1e-6;

/** The weight of each label in a mean, 0 where it is ignored: [B,T] -> [B,T]. */
export function labelWeights(
  labels: tf.Tensor2D,
  { ignore, weights }: { readonly ignore: number; readonly weights?: tf.Tensor2D | undefined },
): tf.Tensor2D {
  const counted = tf.cast(tf.notEqual(labels, ignore), 'float32') as tf.Tensor2D;
  return weights ? tf.mul(counted, weights) : counted;
}

/** The weighted mean of values, in as many elements as there are weights; 0 where all weights are. */
export function weightedMean(values: tf.Tensor, weights: tf.Tensor): tf.Scalar {
  const sum = tf.sum(tf.mul(values, tf.reshape(weights, values.shape)));
  return tf.div(sum, tf.maximum(tf.sum(weights), SMALLEST_SUM)) as tf.Scalar;
}
