import * as tf from '@tensorflow/tfjs';
import { stopGradient } from './detached.js';
import { rowLosses } from './rows.js';
import { similarity } from './similarity.js';

/** Inputs of `itc`. */
export interface ContrastiveInputs {
  /** Query features of the images [B,Q,E], of norm 1. */
  imageFeatures: tf.Tensor3D;
  /** Text features [B,E], of norm 1. */
  textFeatures: tf.Tensor2D;
  /** Temperature, by which similarities are divided. */
  temperature: tf.Scalar;
}

/** Options of `itc`. */
export interface ContrastiveOptions {
  /** Label smoothing. Default 0.1. */
  smoothing?: number;
  /**
   * Gradients through the candidates. `full` (default): gradients flow to both sides of each similarity. `stop`: candidates are
   * constants, so that image features have gradients of image-to-text similarities only, and text features of text-to-image
   * ones, as BLIP-2 was trained on many GPUs.
   */
  gather?: 'full' | 'stop';
  /** Features of all processes, image [W,Q,E] and text [W,E], as candidates. Default: those of the batch. */
  gathered?: { image: tf.Tensor3D; text: tf.Tensor2D };
  /** Index of the batch's first candidate (rank times B). Default 0. */
  offset?: number;
  /** Features [K,E] of additional negative texts, which match no image of the batch: candidates of image-to-text alone. */
  negativeTexts?: tf.Tensor2D | undefined;
  /** Image ids, int32 [B] and [W], where several texts share an image: all texts of an image are then positives. */
  imageIds?: { batch: tf.Tensor1D; gathered?: tf.Tensor1D };
}

/** The result of `itc`. */
export interface Contrastive {
  /** The loss. */
  loss: tf.Scalar;
  /** Similarities [B,W] of the batch's images with all texts, divided by the temperature. */
  simI2T: tf.Tensor2D;
  /** Similarities [B,W] of the batch's texts with all images, divided by the temperature. */
  simT2I: tf.Tensor2D;
}

/**
 * Computes the image-text contrastive loss, the mean of both directions (BLIP-2, section 3.1); the caller owns the results.
 * @throws when the batch does not lie within the candidates
 */
export function itc(inputs: ContrastiveInputs, options: ContrastiveOptions = {}): Contrastive {
  const { imageFeatures, textFeatures, temperature } = inputs;
  const { smoothing = 0.1, gather = 'full', gathered, offset = 0, imageIds, negativeTexts } = options;
  const B = imageFeatures.shape[0];
  const W = (gathered?.text ?? textFeatures).shape[0];
  if (textFeatures.shape[0] !== B) {
    throw new Error(`itc needs a text for each of ${B} images, not ${textFeatures.shape[0]} texts.`);
  }
  if (offset < 0 || offset + B > W) {
    throw new Error(
      `The batch of ${B} at offset ${offset} lies outside the ${W} candidates; use offset = rank * ${B}.`,
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
    const simNegative = negativeTexts && tf.div<tf.Tensor2D>(similarity(imageFeatures, negativeTexts), temperature); // [B,K]
    const toTexts = simNegative ? tf.concat([simI2T, simNegative], 1) : simI2T;
    return { loss: tf.mul<tf.Scalar>(0.5, tf.add(term(toTexts), term(simT2I))), simI2T, simT2I };
  });
}

type Term = (sim: tf.Tensor2D) => tf.Tensor;

const hardTerm = (labels: tf.Tensor1D, smoothing: number): Term => {
  return (sim) => tf.mean(rowLosses(sim, labels, { smoothing, ignore: -1 }));
};

/** Distributes the target evenly over the positives, as in the retrieval fine-tuning of BLIP-2; candidates beyond these are negatives. */
function softTerm(batch: tf.Tensor1D, all: tf.Tensor1D, smoothing: number): Term {
  const positive = tf.cast(tf.equal(tf.expandDims(batch, 1), tf.expandDims(all, 0)), 'float32') as tf.Tensor2D; // [B,W]
  const shared = tf.div<tf.Tensor2D>(positive, tf.sum(positive, 1, true));
  return (sim) => {
    const candidates = sim.shape[1];
    const padded = tf.pad2d(shared, [
      [0, 0],
      [0, candidates - all.shape[0]],
    ]);
    const target = tf.add(tf.mul(1 - smoothing, padded), smoothing / candidates);
    return tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(sim)), 1)));
  };
}
