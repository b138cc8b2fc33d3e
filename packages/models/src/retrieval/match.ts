import { similarity } from '@blip2/losses';
import { imageFeatures, itmLogits, matchPass, queryOutput, textFeatures, textPass } from '@blip2/qformer';
import { normFeatures, type TextOptions, type TextTensors, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { RetrievalModel } from '../folder/loaded-model.js';

/** The scores of an image-text pair. */
export interface Match {
  /** The probability that text and image match, by the ITM head. */
  readonly itm: number;
  /** ITC: the largest cosine similarity, -1 to 1, of any query's image feature with the text feature; without temperature. */
  readonly itc: number;
}

/** The parts of a retrieval model that score pairs; a model in training has them too. */
export type ItmScorer = Pick<RetrievalModel, 'config' | 'params' | 'tokenizer'>;

const BATCH = 16;

/**
 * Scores texts against one image. Texts longer than the Q-Former's positions are truncated.
 * @param input `features` [1,N,D] of the image encoder, and the texts
 * @returns scores in the order of the texts
 */
export async function matchTexts(
  model: ItmScorer,
  { features, texts }: { features: tf.Tensor3D; texts: readonly string[] },
): Promise<Match[]> {
  const { config, tokenizer } = model;
  const matches: Match[] = [];
  const options = { tokenizer, textLength: config.maxPositions };
  for (let start = 0; start < texts.length; start += BATCH) {
    const batch = texts.slice(start, start + BATCH);
    const scores = tf.tidy(() => scorePairs(model, features, textTensors(batch, options)));
    const values = await scores.data();
    scores.dispose();
    batch.forEach((_, i) => {
      matches.push({ itm: values[2 * i] as number, itc: values[2 * i + 1] as number });
    });
  }
  return matches;
}

/** [B,2]: ITM probability and ITC similarity of each text with the one image. */
function scorePairs({ params, config }: ItmScorer, features: tf.Tensor3D, texts: TextTensors) {
  const B = texts.ids.shape[0];
  const normed = normFeatures(params, features);
  const image = imageFeatures(params, queryOutput(params, config, normed)); // [1,Q,E]
  const itc = tf.reshape(similarity(image, textFeatures(params, textPass(params, config, texts))), [B]);
  const { output } = matchPass(params, config, { ...texts, features: normed, imageIndex: tf.zeros([B], 'int32') });
  const itm = tf.slice(tf.softmax(itmLogits(params, output)), [0, 1], [B, 1]);
  return tf.concat([itm, tf.expandDims(itc, 1)], 1);
}

/** Image-text pairs of several images. */
export interface PairInputs {
  /** [I,N,D] of the image encoder. */
  readonly features: tf.Tensor3D;
  readonly texts: readonly string[];
  /** For each text, the index of its image in `features`. */
  readonly images: readonly number[];
}

/** Options of `pairLogits`. */
export interface PairOptions extends TextOptions {
  /**
   * Pairs are repeated up to a multiple of this number, and images up to a multiple of 4. Matrix products round the rows that
   * fill no whole block in another order; with batches of equal size, equal pairs have equal logits wherever they are. Default 1.
   */
  readonly padTo?: number | undefined;
}

/** Rows that matrix products compute together. */
const ROWS = 4;

/**
 * Computes the ITM logits of image-text pairs.
 * @returns [B,2], class 1 for a match, which the caller disposes
 */
export function pairLogits(
  { params, config }: Pick<ItmScorer, 'params' | 'config'>,
  { features, texts, images }: PairInputs,
  { padTo = 1, ...options }: PairOptions,
): tf.Tensor2D {
  return tf.tidy(() => {
    const imageIndex = tf.tensor1d(repeatLast(images, padTo), 'int32');
    const whole = padTo > 1 ? repeatLastImage(features) : features;
    const pairs = textTensors(repeatLast(texts, padTo), options);
    const { output } = matchPass(params, config, { ...pairs, features: normFeatures(params, whole), imageIndex });
    const logits = itmLogits(params, output); // [B,2]
    return padTo > 1 ? tf.slice(logits, 0, texts.length) : logits;
  });
}

/** Repeats the last item of a list until its length is a multiple of `multiple`. */
export function repeatLast<T>(items: readonly T[], multiple: number): T[] {
  const length = Math.ceil(items.length / multiple) * multiple;
  return Array.from({ length }, (_, i) => items[Math.min(i, items.length - 1)] as T);
}

function repeatLastImage(features: tf.Tensor3D): tf.Tensor3D {
  const [I, N, D] = features.shape;
  const missing = -I & (ROWS - 1);
  if (missing === 0) return features;
  const last = tf.slice(features, [I - 1, 0, 0], [1, N, D]);
  return tf.concat([features, ...Array.from({ length: missing }, () => last)]);
}

/**
 * Finds the indices of the `k` highest scores, highest first.
 * @param compare the order of two indices with equal scores. Default: ascending
 */
export function topK(
  scores: ArrayLike<number>,
  k: number,
  compare: (a: number, b: number) => number = (a, b) => a - b,
): number[] {
  return Array.from({ length: scores.length }, (_, i) => i)
    .sort((a, b) => (scores[b] as number) - (scores[a] as number) || compare(a, b))
    .slice(0, k);
}
