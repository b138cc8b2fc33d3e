import { toIdTensors } from '@blip2/data';
import * as tf from '@tensorflow/tfjs';
import type { Stage1Batch } from '../stages/stage1.js';
import type { Stage1PixelBatch } from '../stages/stage1-cached.js';
import { type FeatureStore, imagesAt, type PixelStore } from './feature-store.js';
import { padTexts, type TextOptions } from './texts.js';

/** Images by their features, each with a text. */
export interface ImageTextPairs {
  readonly features: FeatureStore;
  /** Gives a caption of the image at an index. */
  text(index: number): string;
  /** Gives a number that is equal for pairs of the same image, which are then not negatives of each other. Default: the index. */
  imageId?(index: number): number;
  /** Gives additional negative texts of ITC, which match no image at these indices. Default: none. */
  negatives?(indices: readonly number[]): readonly string[];
}

/** Images by their pixels, each with a text. */
export type PixelTextPairs = Omit<ImageTextPairs, 'features'> & { readonly pixels: PixelStore };

/**
 * Collates pairs as a batch of stage 1, texts padded to the longest. The caller owns the tensors; `trainStage1` frees those
 * of its batches.
 * @param indices the pairs of the batch
 */
export async function collateStage1(
  pairs: ImageTextPairs,
  indices: readonly number[],
  options: TextOptions,
): Promise<Stage1Batch>;
export async function collateStage1(
  pairs: PixelTextPairs,
  indices: readonly number[],
  options: TextOptions,
): Promise<Stage1PixelBatch>;
export async function collateStage1(
  pairs: ImageTextPairs | PixelTextPairs,
  indices: readonly number[],
  options: TextOptions,
): Promise<Stage1Batch | Stage1PixelBatch> {
  const texts = padTexts(
    indices.map((index) => pairs.text(index)),
    options,
  );
  const imageIds = indices.map((index) => pairs.imageId?.(index) ?? index);
  const images = await imagesAt(pairs, indices); // what can fail comes before the first tensor
  const negativeTexts = pairs.negatives?.(indices) ?? [];
  const negatives = negativeTexts.length > 0 ? toIdTensors(padTexts(negativeTexts, options)) : undefined;
  return {
    ...images,
    imageIds: tf.tensor1d(imageIds, 'int32'),
    ...toIdTensors(texts),
    ...(negatives && { negativeIds: negatives.ids, negativeMask: negatives.mask }),
  };
}
