import { itmLogits, matchPass } from '@blip2/qformer';
import * as tf from '@tensorflow/tfjs';
import { type PairOptions, textTensors } from '../data/texts.js';
import type { Judge } from '../model/compare.js';
import { normFeatures } from '../stages/vision-norm.js';

export interface Pairs {
  /** [I,N,D] of the image encoder. */
  readonly features: tf.Tensor3D;
  readonly texts: readonly string[];
  /** The place of each text's picture in `features`. */
  readonly pictures: readonly number[];
}

/** The ITM logits [B,2] of texts with their pictures, class 1 for a match; the caller owns them. */
export function pairLogits(
  { params, config }: Pick<Judge, 'params' | 'config'>,
  { features, texts, pictures }: Pairs,
  words: PairOptions,
): tf.Tensor2D {
  return tf.tidy(() => {
    const imageIndex = tf.tensor1d([...pictures], 'int32');
    const seen = normFeatures(params, features);
    const { output } = matchPass(params, config, { ...textTensors(texts, words), features: seen, imageIndex });
    return itmLogits(params, output); // [B,2]
  });
}
