import { toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { Stage1Batch } from '../stages/stage1.js';
import type { FeatureStore } from './feature-store.js';
import { padTexts, type TextOptions } from './texts.js';

/** Images by their features, each with a text. */
export interface ImageTextPairs {
  readonly features: FeatureStore;
  /** Gives a caption of the image at an index. */
  text(index: number): string;
  /** Gives a number that is equal for pairs of the same image, which are then not negatives of each other. Default: the index. */
  imageId?(index: number): number;
}

/**
 * Collates pairs as a batch of stage 1, texts padded to the longest. The caller owns the tensors; `trainStage1` frees those
 * of its batches.
 * @param indices the pairs of the batch
 */
export async function collateStage1(
  pairs: ImageTextPairs,
  indices: readonly number[],
  options: TextOptions,
): Promise<Stage1Batch> {
  const texts = padTexts(
    indices.map((index) => pairs.text(index)),
    options,
  );
  const imageIds = indices.map((index) => pairs.imageId?.(index) ?? index);
  const features = await pairs.features.gather(indices); // what can fail comes before the first tensor
  return { features, imageIds: tf.tensor1d(imageIds, 'int32'), ...toIdTensors(texts) };
}
