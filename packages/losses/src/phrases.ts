import * as tf from '@tensorflow/tfjs';

/**
 * How well some vectors tell some phrases, one vector a phrase whichever it be and in whatever order: the mean over the
 * phrases of `-log 1/Q Σ_q Π_w softmax(l_q)_w`, divided by the number of the phrase's words.
 * @param logits [B,Q,V]: of each vector, its product with the vector of each word
 * @param ids int32 [B,P,K]: P phrases of K words
 * @param mask int32 [B,P,K]: 0 where there is no word; of a phrase that is not there all are 0
 */
export function phrases(logits: tf.Tensor3D, ids: tf.Tensor3D, mask: tf.Tensor3D): tf.Scalar {
  const [B, Q, V] = logits.shape;
  if (ids.shape[0] !== B || mask.shape.join() !== ids.shape.join()) {
    throw new Error(`Logits [${logits.shape}] need ids and a mask [${B},P,K], not [${ids.shape}] and [${mask.shape}].`);
  }
  return tf.tidy(() => {
    const counts = tf.cast(mask, 'float32'); // [B,P,K]
    const words = tf.sum(tf.mul(tf.oneHot(ids, V), tf.expandDims(counts, -1)), 2); // [B,P,V]
    const told = tf.matMul(words as tf.Tensor3D, tf.logSoftmax(logits), false, true); // [B,P,Q]
    const best = tf.sub(tf.logSumExp(told, 2), Math.log(Q)); // [B,P]
    const length = tf.sum(counts, 2); // [B,P]
    const there = tf.cast(tf.greater(length, 0), 'float32');
    const losses = tf.mul(tf.div(tf.neg(best), tf.maximum(length, 1)), there);
    return tf.div(tf.sum(losses), tf.maximum(tf.sum(there), 1)) as tf.Scalar;
  });
}
