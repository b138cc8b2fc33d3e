import * as tf from '@tensorflow/tfjs';
import { rowLosses } from './rows.js';

/** Options of `lm`. */
export interface LanguageLossOptions {
  /** Label smoothing. Default 0. */
  smoothing?: number;
  /** Label value that is ignored. Default -100. */
  ignore?: number;
  /** Whether the logits at t predict label t+1 (default); false for label t, as in encoder-decoder models. */
  shift?: boolean;
}

/**
 * Computes the language modeling loss: the mean cross-entropy over all labels that are not ignored; 0 when all are.
 * @param logits [B,T,V]
 * @param labels int32 [B,T]
 * @throws when the shapes do not match
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

/** Shifts labels by one step and ignores the last, which is cheaper than slicing the logits. */
function shifted(labels: tf.Tensor2D, ignore: number): tf.Tensor2D {
  const [B, T] = labels.shape;
  return tf.concat([tf.slice(labels, [0, 1], [B, T - 1]), tf.fill([B, 1], ignore, 'int32') as tf.Tensor2D], 1);
}

/** Options of `itg`. */
export interface CaptionLossOptions {
  /** Label smoothing. Default 0.1. */
  smoothing?: number;
  /** Padding id, which is ignored as a target. Default 0. */
  pad?: number;
}

/**
 * Computes the image-grounded text generation loss of stage 1 (BLIP-2, section 3.1): next-token cross-entropy with label smoothing.
 * @param logits [B,T,V] of the decoder on `ids`
 * @param ids int32 [B,T], the decoder's inputs, of which the first is the start token
 */
export function itg(logits: tf.Tensor3D, ids: tf.Tensor2D, options: CaptionLossOptions = {}): tf.Scalar {
  const { smoothing = 0.1, pad = 0 } = options;
  return lm(logits, ids, { smoothing, ignore: pad });
}
