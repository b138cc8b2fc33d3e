import * as tf from '@tensorflow/tfjs';
import { stopGradient } from './detached.js';
import { rowLosses } from './rows.js';
import { similarity } from './similarity.js';

export interface ContrastiveInputs {
  /** [B,Q,E], each query of length one. */
  imageFeatures: tf.Tensor3D;
  /** [B,E], of length one. */
  textFeatures: tf.Tensor2D;
  /** Divides the similarities. */
  temperature: tf.Scalar;
}

export interface ContrastiveOptions {
  /** Label smoothing. Default 0.1. */
  smoothing?: number;
  /**
   * `full` (default): gradients reach both sides of each similarity. `stop`: the side of the candidates is a constant,
   * so that images learn from image-to-text only and texts from text-to-image only, as BLIP-2 was trained on many GPUs.
   */
  gather?: 'full' | 'stop';
  /** The candidates of all processes, image [W,Q,E] and text [W,E]. Default: the batch itself. */
  gathered?: { image: tf.Tensor3D; text: tf.Tensor2D };
  /** Where the batch begins among the candidates (rank times B). Default 0. */
  offset?: number;
  /** Numbers of the images, int32, where several texts share one: every text of an image is then a right answer. */
  imageIds?: { batch: tf.Tensor1D; gathered?: tf.Tensor1D };
}

export interface Contrastive {
  loss: tf.Scalar;
  /** [B,W] row: image of the batch, column: text of all; divided by the temperature. */
  simI2T: tf.Tensor2D;
  /** [B,W] row: text of the batch, column: image of all; divided by the temperature. */
  simT2I: tf.Tensor2D;
}

/**
 * Image-text contrastive loss, the mean of both directions (BLIP-2, section 3.1). The caller owns what it returns.
 * @throws when the batch does not lie within the candidates.
 */
export function itc(inputs: ContrastiveInputs, options: ContrastiveOptions = {}): Contrastive {
  const { imageFeatures, textFeatures, temperature } = inputs;
  const { smoothing = 0.1, gather = 'full', gathered, offset = 0, imageIds } = options;
  const B = imageFeatures.shape[0];
  const W = (gathered?.text ?? textFeatures).shape[0];
  if (textFeatures.shape[0] !== B) {
    throw new Error(`itc was given ${B} images and ${textFeatures.shape[0]} texts; it needs one text an image.`);
  }
  if (offset < 0 || offset + B > W) {
    throw new Error(
      `The batch of ${B} at offset ${offset} lies outside the ${W} candidates; give offset = rank * ${B}.`,
    );
  }
  return tf.tidy(() => {
    const candidate = <T extends tf.Tensor>(own: T, all: T | undefined): T =>
      gather === 'stop' ? stopGradient(all ?? own) : (all ?? own);
    const texts = candidate(textFeatures, gathered?.text);
    const images = candidate(imageFeatures, gathered?.image);
    const simI2T = tf.div<tf.Tensor2D>(similarity(imageFeatures, texts), temperature); // [B,W]
    const simT2I = tf.div<tf.Tensor2D>(tf.transpose(similarity(images, textFeatures)), temperature); // [B,W]
    const term = imageIds
      ? softTerm(imageIds.batch, imageIds.gathered ?? imageIds.batch, smoothing)
      : hardTerm(tf.range(offset, offset + B, 1, 'int32'), smoothing);
    return { loss: tf.mul<tf.Scalar>(0.5, tf.add(term(simI2T), term(simT2I))), simI2T, simT2I };
  });
}

type Term = (sim: tf.Tensor2D) => tf.Tensor;

const hardTerm = (labels: tf.Tensor1D, smoothing: number): Term => {
  return (sim) => tf.mean(rowLosses(sim, labels, { smoothing, ignore: -1 }));
};

/** The right answers share the target evenly: the retrieval fine-tuning of BLIP-2. */
function softTerm(batch: tf.Tensor1D, all: tf.Tensor1D, smoothing: number): Term {
  const same = tf.cast(tf.equal(tf.expandDims(batch, 1), tf.expandDims(all, 0)), 'float32'); // [B,W]
  const shared = tf.div(same, tf.sum(same, 1, true));
  const target = tf.add(tf.mul(1 - smoothing, shared), smoothing / all.shape[0]);
  return (sim) => tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(sim)), 1)));
}
