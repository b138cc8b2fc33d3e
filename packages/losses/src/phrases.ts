import * as tf from '@tensorflow/tfjs';

/** Options of `phrases`. */
export interface PhraseLossOptions {
  /** int32 [B,P]: a word that has no probability in the loss of each phrase, -1 for none. Default: none. */
  readonly heldOut?: tf.Tensor2D | undefined;
}

/**
 * Computes a loss that is low where, for each phrase, some query predicts all its words, whichever query and order: the mean
 * over phrases of `-log 1/Q Σ_q Π_w softmax(l_q)_w`, divided by the number of the phrase's words. It is not a loss of BLIP-2.
 * @param logits [B,Q,V]: the dot products of each query's vector with each word's
 * @param ids int32 [B,P,K]: P phrases of at most K words
 * @param mask int32 [B,P,K]: 1 for words, 0 for padding; a phrase of zeros is ignored
 * @throws when the shapes do not match
 */
export function phrases(
  logits: tf.Tensor3D,
  ids: tf.Tensor3D,
  mask: tf.Tensor3D,
  { heldOut }: PhraseLossOptions = {},
): tf.Scalar {
  const [B, Q, V] = logits.shape;
  if (ids.shape[0] !== B || mask.shape.join() !== ids.shape.join()) {
    throw new Error(`Logits [${logits.shape}] need ids and a mask [${B},P,K], not [${ids.shape}] and [${mask.shape}].`);
  }
  return tf.tidy(() => {
    const counts = tf.cast(mask, 'float32'); // [B,P,K]
    const words = tf.sum(tf.mul(tf.oneHot(ids, V), tf.expandDims(counts, -1)), 2); // [B,P,V]
    const length = tf.sum(counts, 2); // [B,P]
    const all = tf.matMul(words as tf.Tensor3D, tf.logSoftmax(logits), false, true); // [B,P,Q]
    const logProbs = heldOut ? tf.sub(all, tf.mul(tf.expandDims(length, 2), logOthers(logits, heldOut))) : all;
    const best = tf.sub(tf.logSumExp(logProbs, 2), Math.log(Q)); // [B,P]
    const present = tf.cast(tf.greater(length, 0), 'float32');
    const losses = tf.mul(tf.div(tf.neg(best), tf.maximum(length, 1)), present);
    return tf.div(tf.sum(losses), tf.maximum(tf.sum(present), 1)) as tf.Scalar;
  });
}

/** The logarithm of the probability of all words but one per phrase: [B,Q,V], int32 [B,P] -> [B,P,Q]. */
function logOthers(logits: tf.Tensor3D, heldOut: tf.Tensor2D): tf.Tensor3D {
  const one = tf.cast(tf.oneHot(heldOut, logits.shape[2]), 'float32') as tf.Tensor3D; // [B,P,V]
  const probability = tf.matMul(one, tf.softmax(logits), false, true);
  return tf.log(tf.maximum(tf.sub(1, probability), 1e-6));
}
