import {
  type ImageInput,
  type Models,
  poolImageFeatures,
  retrievalModel,
  topK,
  withEncodedImages,
} from '@blip2/models';
import { imageFeatures, queryOutput } from '@blip2/qformer';
import { normFeatures } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { fingerprintOf } from './fingerprint.js';
import { type ImageIndex, shownName } from './index-file.js';
import { expectModel } from './index-images.js';
import type { SearchResult } from './search.js';
import { compareNames, type ImageVectors } from './vector-index.js';

/** Options of `searchByImage`. */
export interface ImageSearchOptions {
  /** The number of results. Default 10. */
  readonly top?: number | undefined;
  /** Stops between two blocks of images: the call throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Searches an index for the images that are most like an image: by the cosine similarity of their pooled ITC features
 * (`poolImageFeatures` of `@blip2/models`), which is `itc` of the results. `itm` is null, for ITM compares images with texts only.
 * Equal images have equal scores, and images with equal scores are ordered by their paths.
 * @param request the open index and the image, which need not be in it
 * @throws for an index of another model, and for an image that cannot be read
 */
export async function searchByImage(
  models: Models,
  { index, image }: { readonly index: ImageIndex; readonly image: ImageInput },
  { top = 10, signal }: ImageSearchOptions = {},
): Promise<SearchResult[]> {
  const model = retrievalModel(models);
  expectModel(index, await fingerprintOf(model));
  const { vision, processor, params, config } = model;
  const query = await withEncodedImages({ vision, processor, orient: index.model.orient }, [image], async (features) =>
    tf.tidy(() => {
      const output = queryOutput(params, config, normFeatures(params, features));
      return poolImageFeatures(imageFeatures(params, output)); // [1,E]
    }),
  );
  try {
    const scores = await cosines(index.vectors, query, signal);
    const names = index.images.map(({ path }) => path);
    const byName = (a: number, b: number) => compareNames(names[a] as string, names[b] as string);
    return topK(scores, top, byName).map((found, i) => ({
      rank: i + 1,
      image: shownName(index.images[found]!),
      itc: scores[found] as number,
      itm: null,
    }));
  } finally {
    query.dispose();
  }
}

/** The cosine similarity of each image's pooled features with the query [1,E], one block in memory at a time. */
async function cosines(vectors: ImageVectors, query: tf.Tensor2D, signal?: AbortSignal): Promise<Float32Array> {
  const { length, queries: Q, width: E, blockSize } = vectors;
  const scores = new Float32Array(length);
  for (let start = 0; start < length; start += blockSize) {
    signal?.throwIfAborted();
    const values = await vectors.block(start / blockSize);
    const block = tf.tidy(() => {
      const pooled = poolImageFeatures(tf.tensor3d(values, [values.length / (Q * E), Q, E]));
      return tf.sum(tf.mul(pooled, query), 1); // [n]
    });
    scores.set((await block.data()) as Float32Array, start);
    block.dispose();
  }
  return scores;
}
