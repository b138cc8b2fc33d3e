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
  /** float32 [B,T]: the weight of each label in the mean. Default: all are 1. */
  weights?: tf.Tensor2D | undefined;
}

/**
 * Computes the language modeling loss: the weighted mean of the cross-entropy over all labels that are not ignored; 0 when all are.
 * @param logits [B,T,V]
 * @param labels int32 [B,T]
 * @throws when the shapes do not match
 */
export function lm(logits: tf.Tensor3D, labels: tf.Tensor2D, options: LanguageLossOptions = {}): tf.Scalar {
  const { smoothing = 0, ignore = -100, shift = true, weights } = options;
  const [B, T, V] = logits.shape;
  if (labels.shape[0] !== B || labels.shape[1] !== T) {
    throw new Error(`Logits [${logits.shape}] need labels [${[B, T]}], not [${labels.shape}].`);
  }
  if (weights && weights.shape.join() !== labels.shape.join()) {
    throw new Error(`Labels [${labels.shape}] need weights of that shape, not [${weights.shape}].`);
  }
  return tf.tidy(() => {
    const targets = tf.reshape(shift ? shifted(labels, ignore) : labels, [B * T]) as tf.Tensor1D;
    const losses = rowLosses(tf.reshape(logits, [B * T, V]), targets, { smoothing, ignore });
    const counted = tf.cast(tf.notEqual(targets, ignore), 'float32');
    if (!weights) return tf.div<tf.Scalar>(tf.sum(losses), tf.maximum(tf.sum(counted), 1));
    const weighted = tf.mul(counted, tf.reshape(shift ? shifted(weights, 0) : weights, [B * T]));
    return tf.div<tf.Scalar>(tf.sum(tf.mul(losses, weighted)), tf.maximum(tf.sum(weighted), SMALLEST_SUM));
  });
}

/** Below it weights sum up to nothing. */
const SMALLEST_SUM = 1e-6;

/** Shifts labels or weights by one step and fills the last, which is cheaper than slicing the logits. */
function shifted(values: tf.Tensor2D, last: number): tf.Tensor2D {
  const [B, T] = values.shape;
  return tf.concat(
    [tf.slice(values, [0, 1], [B, T - 1]), tf.fill([B, 1], last, values.dtype as 'int32') as tf.Tensor2D],
    1,
  );
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
