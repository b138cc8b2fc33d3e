import * as tf from '@tensorflow/tfjs';
import { rowLosses } from './rows.js';

/**
 * Computes the image-text matching loss (BLIP-2, section 3.1): the mean cross-entropy of positive pairs (class 1) and twice as
 * many negative pairs (class 0).
 * @param logits [3B,2]: B pairs, B texts with a negative image, B images with a negative text
 * @throws for another shape
 */
export function itm(logits: tf.Tensor2D): tf.Scalar {
  const [rows, classes] = logits.shape;
  if (rows === 0 || rows % 3 !== 0 || classes !== 2) {
    throw new Error(
      `itm needs logits [3B,2] in the order positive, negative image, negative text, not [${logits.shape}].`,
    );
  }
  return tf.tidy(() => {
    const labels = tf.concat([tf.ones([rows / 3], 'int32'), tf.zeros([(2 * rows) / 3], 'int32')]) as tf.Tensor1D;
    return tf.mean<tf.Scalar>(rowLosses(logits, labels));
  });
}
