import * as tf from '@tensorflow/tfjs';
import type { TextInputs } from './passes.js';

/** Makes the ids of captions, int32 [B,T]: those of texts with the first, [CLS], replaced by [DEC]. */
export function captionIds(ids: tf.Tensor2D, start: number): tf.Tensor2D {
  const [B, T] = ids.shape;
  return tf.tidy(() => tf.concat([tf.fill<tf.Rank.R2>([B, 1], start, 'int32'), tf.slice(ids, [0, 1], [B, T - 1])], 1));
}

/** Hard negatives of a batch. */
export interface Negatives {
  /** int32 [B]: the candidate image that is the negative of text b. */
  readonly image: tf.Tensor1D;
  /** int32 [B]: the candidate text that is the negative of image b. */
  readonly text: tf.Tensor1D;
}

/** Options of `matchRows`. */
export interface MatchRowsOptions {
  /** The candidate texts. Default: the batch itself. */
  candidates?: TextInputs;
  /** Index of the first image of the batch among the candidates (rank times B). Default 0. */
  offset?: number;
}

/**
 * Makes the rows of the matching loss: B pairs, B texts with a negative image, B images with a negative text (BLIP-2,
 * section 3.1). `imageIndex` counts candidate images.
 * @returns ids and mask [3B,T], imageIndex [3B], for `matchPass`
 */
export function matchRows(
  texts: TextInputs,
  negatives: Negatives,
  options: MatchRowsOptions = {},
): { ids: tf.Tensor2D; mask: tf.Tensor2D; imageIndex: tf.Tensor1D } {
  const { candidates = texts, offset = 0 } = options;
  const B = texts.ids.shape[0];
  return tf.tidy(() => {
    const own = tf.range(offset, offset + B, 1, 'int32');
    const thrice = (x: tf.Tensor2D, all: tf.Tensor2D) => tf.concat([x, x, tf.gather(all, negatives.text)], 0);
    return {
      ids: thrice(texts.ids, candidates.ids),
      mask: thrice(texts.mask, candidates.mask),
      imageIndex: tf.concat([own, negatives.image, own]) as tf.Tensor1D,
    };
  });
}
