import * as tf from '@tensorflow/tfjs';
import { labelWeights, weightedMean } from './weights.js';

/** Options of `heldOutMargin`. */
export interface HeldOutMarginOptions {
  /** How far the logit of a held-out token may be below that of the label. Default 4: odds of 55 to 1. */
  readonly margin?: number | undefined;
  /** Label value that is ignored. Default -100. */
  readonly ignore?: number;
  /** float32 [B,T]: the weight of each label in the mean. Default: all are 1. */
  readonly weights?: tf.Tensor2D | undefined;
}

/**
 * Computes a loss that bounds how improbable a token becomes which training never shows in some context, such as a count of a kind:
 * the mean over labels of `max(0, l_y - l_h - margin)²`, of the logits `l` of the label `y` and of the token `h` that is held out
 * there, 0 where none is. Cross-entropy alone lowers `l_h` in every such context; left out of its softmax (Menon et al. 2020, arXiv
 * 2007.07314) it gets no gradient, and is too low beside logits that are trained. Not a loss of BLIP-2.
 * @param logits [B,T,V], those at t predict label t
 * @param labels int32 [B,T]
 * @param heldOut int32 [B,T]: the token that is held out at each label, -1 for none
 * @throws when the shapes do not match
 */
export function heldOutMargin(
  logits: tf.Tensor3D,
  labels: tf.Tensor2D,
  heldOut: tf.Tensor2D,
  { margin = 4, ignore = -100, weights }: HeldOutMarginOptions = {},
): tf.Scalar {
  const [B, T, V] = logits.shape;
  if (labels.shape.join() !== [B, T].join() || heldOut.shape.join() !== [B, T].join()) {
    throw new Error(
      `Logits [${logits.shape}] need labels and held-out tokens [${[B, T]}], not [${labels.shape}] and [${heldOut.shape}].`,
    );
  }
  return tf.tidy(() => {
    const oneHot = (ids: tf.Tensor): tf.Tensor => tf.cast(tf.oneHot(tf.cast(ids, 'int32'), V), 'float32');
    const below = tf.sum(tf.mul(logits, tf.sub(oneHot(labels), oneHot(heldOut))), 2); // l_y - l_h, [B,T]
    const over = tf.mul(tf.relu(tf.sub(below, margin)), tf.cast(tf.greaterEqual(heldOut, 0), 'float32'));
    return weightedMean(tf.square(over), labelWeights(labels, { ignore, weights }));
  });
}
