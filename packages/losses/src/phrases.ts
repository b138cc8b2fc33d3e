import * as tf from '@tensorflow/tfjs';

/**
 * Computes a loss that is low where, for each phrase, some query predicts all its words, whichever query and order: the mean
 * over phrases of `-log 1/Q Σ_q Π_w softmax(l_q)_w`, divided by the number of the phrase's words. It is not a loss of BLIP-2.
 * @param logits [B,Q,V]: the dot products of each query's vector with each word's
 * @param ids int32 [B,P,K]: P phrases of at most K words
 * @param mask int32 [B,P,K]: 1 for words, 0 for padding; a phrase of zeros is ignored
 * @throws when the shapes do not match
 */
export function phrases(logits: tf.Tensor3D, ids: tf.Tensor3D, mask: tf.Tensor3D): tf.Scalar {
  const [B, Q, V] = logits.shape;
  if (ids.shape[0] !== B || mask.shape.join() !== ids.shape.join()) {
    throw new Error(`Logits [${logits.shape}] need ids and a mask [${B},P,K], not [${ids.shape}] and [${mask.shape}].`);
  }
  return tf.tidy(() => {
    const counts = tf.cast(mask, 'float32'); // [B,P,K]
    const words = tf.sum(tf.mul(tf.oneHot(ids, V), tf.expandDims(counts, -1)), 2); // [B,P,V]
    const logProbs = tf.matMul(words as tf.Tensor3D, tf.logSoftmax(logits), false, true); // [B,P,Q]
    const best = tf.sub(tf.logSumExp(logProbs, 2), Math.log(Q)); // [B,P]
    const length = tf.sum(counts, 2); // [B,P]
    const present = tf.cast(tf.greater(length, 0), 'float32');
    const losses = tf.mul(tf.div(tf.neg(best), tf.maximum(length, 1)), present);
    return tf.div(tf.sum(losses), tf.maximum(tf.sum(present), 1)) as tf.Scalar;
  });
}
