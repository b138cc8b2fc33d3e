import { itmLogits, matchPass } from '@blip2/qformer';
import { normFeatures, type TextOptions, textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import type { ItmScorer } from './match.js';

export interface PairInputs {
  /** [I,N,D] of the image encoder. */
  readonly features: tf.Tensor3D;
  readonly texts: readonly string[];
  /** The place of each text's image in `features`. */
  readonly images: readonly number[];
}

/** The ITM logits [B,2] of texts with their images, class 1 for a match; the caller owns them. */
export function pairLogits(
  { params, config }: Pick<ItmScorer, 'params' | 'config'>,
  { features, texts, images }: PairInputs,
  words: TextOptions,
): tf.Tensor2D {
  return tf.tidy(() => {
    const imageIndex = tf.tensor1d([...images], 'int32');
    const seen = normFeatures(params, features);
    const { output } = matchPass(params, config, { ...textTensors(texts, words), features: seen, imageIndex });
    return itmLogits(params, output); // [B,2]
  });
}
