import * as tf from '@tensorflow/tfjs';
import { rowLosses } from './rows.js';
import { labelWeights, weightedMean } from './weights.js';

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
    const targets = shift ? shifted(labels, ignore) : labels; // [B,T]
    const rows = tf.reshape<tf.Rank.R2>(logits, [B * T, V]);
    const losses = rowLosses(rows, tf.reshape<tf.Rank.R1>(targets, [B * T]), { smoothing, ignore });
    return weightedMean(
      losses,
      labelWeights(targets, { ignore, weights: weights && shift ? shifted(weights, 0) : weights }),
    );
  });
}

/** Shifts labels or weights by one step and fills the last, which is cheaper than slicing the logits. */
function shifted(values: tf.Tensor2D, last: number): tf.Tensor2D {
  const [B, T] = values.shape;
  const end = tf.fill([B, 1], last, values.dtype as 'float32' | 'int32') as tf.Tensor2D;
  return tf.concat([tf.slice(values, [0, 1], [B, T - 1]), end], 1);
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
