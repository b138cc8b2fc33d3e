import * as tf from '@tensorflow/tfjs';
import { rowLosses } from './rows.js';

/**
 * Image-text matching loss: mean cross-entropy over rows that are right, then twice as many that are wrong
 * (BLIP-2, section 3.1). Class 1 says that image and text belong together.
 * @param logits [3B,2]: B pairs, B texts with a negative image, B images with a negative text
 * @throws when the rows are not three equal parts
 */
export function itm(logits: tf.Tensor2D): tf.Scalar {
  const [rows, classes] = logits.shape;
  if (rows === 0 || rows % 3 !== 0 || classes !== 2) {
    throw new Error(`itm needs logits [3B,2] in the order matched, wrong image, wrong text, not [${logits.shape}].`);
  }
  return tf.tidy(() => {
    const labels = tf.concat([tf.ones([rows / 3], 'int32'), tf.zeros([(2 * rows) / 3], 'int32')]) as tf.Tensor1D;
    return tf.mean<tf.Scalar>(rowLosses(logits, labels));
  });
}
