import type { RetrievalModel } from '@blip2/models';
import { encodeImages, type Models, pairLogits, retrievalModel } from '@blip2/models';
import { textFeatures, textPass } from '@blip2/qformer';
import { textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { fingerprintOf } from './fingerprint.js';
import { type ImageIndex, shownName } from './index-file.js';
import { expectModel } from './index-images.js';
import { compareNames, exactIndex, type Neighbor, type VectorIndex } from './vector-index.js';

/** Options of `searchIndex`. */
export interface SearchOptions {
  /** The number of results. Default 10. */
  readonly top?: number | undefined;
  /**
   * How many of the best images by ITC are re-ranked by ITM (`k_test` of LAVIS); 0: none. Default: what the model's
   * folder says, 128 for published models.
   */
  readonly rerank?: number | undefined;
  /** The vector index that finds the best images by ITC. Default: `exactIndex(index.vectors)`. */
  readonly vectors?: VectorIndex | undefined;
  /**
   * Called for an image that has to be encoded again and cannot be read; it is left out. Default: the error is thrown.
   */
  readonly onUnreadable?: ((image: string, error: unknown) => void) | undefined;
  /** Called with the number of re-ranked images and their total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An image found for a text or an image. */
export interface SearchResult {
  /** The rank, from 1. */
  readonly rank: number;
  /** The path of the image, as it was given to `indexImages` where that still leads to it. */
  readonly image: string;
  /** The ITC similarity of image and text, or the similarity of both images, -1 to 1. */
  readonly itc: number;
  /** The ITM probability that image and text match; null where the image was ranked without ITM. */
  readonly itm: number | null;
}

/**
 * Searches an index for the images that match a text: all images by ITC, then the best `rerank` again by ITM logit + ITC,
 * as LAVIS evaluates retrieval. Images that are not re-ranked follow in the order of ITC. Equal images have equal scores, and
 * images with equal scores are ordered by their paths.
 * @param request the open index and the text
 * @throws for an index of another model
 */
export async function searchIndex(
  models: Models,
  { index, query }: { readonly index: ImageIndex; readonly query: string },
  options: SearchOptions = {},
): Promise<SearchResult[]> {
  const model = retrievalModel(models);
  expectModel(index, await fingerprintOf(model));
  const { itm, k } = model.rerank;
  const { top = 10, rerank = itm ? k : 0, vectors } = options;
  const names = index.images.map(({ path }) => path);
  const byName = (a: Neighbor, b: Neighbor) => compareNames(names[a.image] as string, names[b.image] as string);
  const candidates = vectors ?? exactIndex(index.vectors, names);
  const nearest = await candidates.search(await textVector(model, query), Math.max(top, rerank));
  nearest.sort((a, b) => b.score - a.score || byName(a, b));
  const scored = await rerankByItm(model, { index, query, nearest: nearest.slice(0, rerank) }, options);
  scored.sort((a, b) => b.score - a.score || byName(a, b));
  const rest = nearest.slice(rerank).map(({ image, score }) => ({ image, itc: score, itm: null }));
  return [...scored, ...rest].slice(0, top).map(({ image, itc, itm }, i) => {
    return { rank: i + 1, image: shownName(index.images[image]!), itc, itm };
  });
}

/** The normalized ITC feature of a text, [E]. */
async function textVector({ params, config, tokenizer }: RetrievalModel, text: string): Promise<Float32Array> {
  const options = { tokenizer, textLength: config.maxPositions };
  const vector = tf.tidy(() => textFeatures(params, textPass(params, config, textTensors([text], options))));
  try {
    return (await vector.data()) as Float32Array;
  } finally {
    vector.dispose();
  }
}

interface Candidates {
  readonly index: ImageIndex;
  readonly query: string;
  readonly nearest: readonly Neighbor[];
}

interface Scored {
  readonly image: number;
  readonly itc: number;
  readonly itm: number;
  /** ITM logit + ITC similarity, by which images are ordered. */
  readonly score: number;
}

/** Images per batch. */
const BATCH = 8;

async function rerankByItm(model: RetrievalModel, candidates: Candidates, options: SearchOptions): Promise<Scored[]> {
  const { index, query, nearest } = candidates;
  const scored: Scored[] = [];
  for (let start = 0; start < nearest.length; start += BATCH) {
    const batch: EncodedNeighbor[] = [];
    try {
      for (const neighbor of nearest.slice(start, start + BATCH)) {
        options.signal?.throwIfAborted();
        const features = await featuresOf(model, index, neighbor.image).catch((error: unknown) => {
          if (!options.onUnreadable) throw error;
          options.onUnreadable(index.images[neighbor.image]!.image, error);
        });
        if (features) batch.push({ ...neighbor, features });
      }
      for (const N of new Set(batch.map(({ features }) => features.shape[1]))) {
        const sameLength = batch.filter(({ features }) => features.shape[1] === N);
        scored.push(...(await scoreBatch(model, query, sameLength)));
      }
    } finally {
      for (const { features } of batch) features.dispose();
    }
    options.onProgress?.(Math.min(start + BATCH, nearest.length), nearest.length);
  }
  return scored;
}

interface EncodedNeighbor extends Neighbor {
  /** [1,N,D] */
  readonly features: tf.Tensor3D;
}

/** Scores images with equal numbers of features. */
async function scoreBatch(model: RetrievalModel, query: string, batch: readonly EncodedNeighbor[]): Promise<Scored[]> {
  const options = { tokenizer: model.tokenizer, textLength: model.config.maxPositions, padTo: BATCH };
  const logits = tf.tidy(() => {
    const pairs = { texts: batch.map(() => query), images: batch.map((_, i) => i) };
    return pairLogits(model, { ...pairs, features: tf.concat(batch.map(({ features }) => features)) }, options);
  });
  const values = await logits.data();
  logits.dispose();
  return batch.map(({ image, score: itc }, i) => {
    const [no, yes] = [values[2 * i]!, values[2 * i + 1]!];
    return { image, itc, itm: 1 / (1 + Math.exp(no - yes)), score: yes + itc };
  });
}

/** The stored features [1,N,D] of an image, or else those of the image encoded again. */
async function featuresOf(
  model: RetrievalModel,
  { features, images, model: { orient } }: ImageIndex,
  image: number,
): Promise<tf.Tensor3D> {
  if (!features)
    return encodeImages({ vision: model.vision, processor: model.processor, orient }, [images[image]!.path]);
  return tf.tensor3d(await features.read(image), [1, ...features.shape(image)]);
}
