import * as tf from '@tensorflow/tfjs';
import { rowLosses } from './rows.js';

export interface LanguageLossOptions {
  /** Label smoothing. Default 0. */
  smoothing?: number;
  /** Labels with this value do not count. Default -100. */
  ignore?: number;
  /** Position t is judged by label t+1 (default), or, when false, by label t, as encoder-decoder models have it. */
  shift?: boolean;
}

/**
 * Next-token cross-entropy, the mean over all labels of the batch that count; 0 when none does.
 * @param logits [B,T,V]
 * @param labels int32 [B,T]
 */
export function lm(logits: tf.Tensor3D, labels: tf.Tensor2D, options: LanguageLossOptions = {}): tf.Scalar {
  const { smoothing = 0, ignore = -100, shift = true } = options;
  const [B, T, V] = logits.shape;
  if (labels.shape[0] !== B || labels.shape[1] !== T) {
    throw new Error(`Logits [${logits.shape}] need labels [${[B, T]}], not [${labels.shape}].`);
  }
  return tf.tidy(() => {
    const targets = tf.reshape(shift ? shifted(labels, ignore) : labels, [B * T]) as tf.Tensor1D;
    const losses = rowLosses(tf.reshape(logits, [B * T, V]), targets, { smoothing, ignore });
    const counted = tf.sum(tf.cast(tf.notEqual(targets, ignore), 'float32'));
    return tf.div<tf.Scalar>(tf.sum(losses), tf.maximum(counted, 1));
  });
}

/** Labels one step ahead, the last ignored: cheaper than to cut the last logits off. */
function shifted(labels: tf.Tensor2D, ignore: number): tf.Tensor2D {
  const [B, T] = labels.shape;
  return tf.concat([tf.slice(labels, [0, 1], [B, T - 1]), tf.fill([B, 1], ignore, 'int32') as tf.Tensor2D], 1);
}

export interface CaptionLossOptions {
  /** Default 0.1. */
  smoothing?: number;
  /** The padding id, which is no target. Default 0. */
  pad?: number;
}

/**
 * Image-grounded captioning loss of the first stage (BLIP-2, section 3.1): next-token cross-entropy with label smoothing.
 * @param logits [B,T,V] of the decoder on `ids`
 * @param ids int32 [B,T], the decoder's inputs; the first one is its start sign and never a target
 */
export function itg(logits: tf.Tensor3D, ids: tf.Tensor2D, options: CaptionLossOptions = {}): tf.Scalar {
  const { smoothing = 0.1, pad = 0 } = options;
  return lm(logits, ids, { smoothing, ignore: pad });
}
