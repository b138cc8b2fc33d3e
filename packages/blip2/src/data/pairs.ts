import { toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { PairBatch } from '../stages/stage1.js';
import type { FeatureStore } from './features.js';
import { type PairOptions, paddedTexts } from './texts.js';

/** Pictures that were looked at, each with something that is said of it. */
export interface Pairs {
  readonly features: FeatureStore;
  text(index: number): string;
  /** Equal for pairs that show and say the same. */
  same(index: number): number;
}

/** Some pairs as tensors; the caller owns them. Texts are padded to the longest of the batch. */
export async function pairBatch(pairs: Pairs, places: readonly number[], options: PairOptions): Promise<PairBatch> {
  const texts = paddedTexts(
    places.map((place) => pairs.text(place)),
    options,
  );
  const same = places.map((place) => pairs.same(place));
  const features = await pairs.features.gather(places); // what can fail comes before the first tensor
  return { features, same: tf.tensor1d(same, 'int32'), ...toIdTensors(texts) };
}
