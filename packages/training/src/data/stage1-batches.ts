import { toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { Stage1Batch } from '../stages/stage1.js';
import type { FeatureStore } from './feature-store.js';
import { padTexts, type TextOptions } from './texts.js';

/** Images that were looked at, each with something that is said of it. */
export interface ImageTextPairs {
  readonly features: FeatureStore;
  text(index: number): string;
  /** Equal for pairs that show and say the same. */
  imageId(index: number): number;
}

/** Some pairs as tensors; the caller owns them. Texts are padded to the longest of the batch. */
export async function collateStage1(
  pairs: ImageTextPairs,
  places: readonly number[],
  options: TextOptions,
): Promise<Stage1Batch> {
  const texts = padTexts(
    places.map((place) => pairs.text(place)),
    options,
  );
  const imageIds = places.map((place) => pairs.imageId(place));
  const features = await pairs.features.gather(places); // what can fail comes before the first tensor
  return { features, imageIds: tf.tensor1d(imageIds, 'int32'), ...toIdTensors(texts) };
}
