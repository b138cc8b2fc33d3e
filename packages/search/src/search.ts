import { resolve } from 'node:path';
import type { RetrievalModel } from '@blip2/models';
import { encodeImages, type Models, pairLogits, retrievalModel } from '@blip2/models';
import { textFeatures, textPass } from '@blip2/qformer';
import { textTensors } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { fingerprintOf } from './fingerprint.js';
import type { ImageIndex } from './index-file.js';
import { expectModel } from './index-images.js';
import { exactIndex, type Neighbor, type VectorIndex } from './vector-index.js';

export interface SearchOptions {
  /** So many results. Default 10. */
  readonly top?: number | undefined;
  /** How many of the best by ITC are ordered again by ITM, the reference's `k_test`; 0: none. Default 128. */
  readonly rerank?: number | undefined;
  /** Finds the best by ITC. Default: `exactIndex` of the index. */
  readonly vectors?: VectorIndex | undefined;
  /** Told of an image that should be looked at again and cannot be read; it is left out. Default: throws. */
  readonly onUnreadable?: ((image: string, error: unknown) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchResult {
  /** From one. */
  readonly rank: number;
  readonly image: string;
  /** The similarity of image and text, -1 to 1. */
  readonly itc: number;
  /** The probability that they belong together; null where only ITC placed it. */
  readonly itm: number | null;
}

/**
 * Finds the images that a text fits best: by ITC over all, then the best `rerank` again, in the order of ITM logit + ITC
 * (specification 2.7). Images beyond those follow in the order of ITC.
 * @throws for an index of another model
 */
export async function searchIndex(
  models: Models,
  { index, query }: { readonly index: ImageIndex; readonly query: string },
  options: SearchOptions = {},
): Promise<SearchResult[]> {
  const model = retrievalModel(models);
  expectModel(index, await fingerprintOf(model));
  const { top = 10, rerank = 128, vectors = exactIndex(index.vectors) } = options;
  const nearest = await vectors.search(await textVector(model, query), Math.max(top, rerank));
  const scored = await matched(model, { index, query, nearest: nearest.slice(0, rerank) }, options);
  scored.sort((a, b) => b.score - a.score);
  const rest = nearest.slice(rerank).map(({ place, score }) => ({ place, itc: score, itm: null }));
  return [...scored, ...rest].slice(0, top).map(({ place, itc, itm }, i) => {
    const { image, path } = index.images[place]!;
    return { rank: i + 1, image: resolve(image) === path ? image : path, itc, itm };
  });
}

/** [E], of length one. */
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
  readonly place: number;
  readonly itc: number;
  readonly itm: number;
  /** What the reference orders by: the logit of a match, and ITC. */
  readonly score: number;
}

/** Images at a time. */
const BATCH = 8;

async function matched(model: RetrievalModel, candidates: Candidates, options: SearchOptions): Promise<Scored[]> {
  const { index, query, nearest } = candidates;
  const scored: Scored[] = [];
  for (let start = 0; start < nearest.length; start += BATCH) {
    const looked: Looked[] = [];
    try {
      for (const neighbor of nearest.slice(start, start + BATCH)) {
        options.signal?.throwIfAborted();
        const features = await featuresOf(model, index, neighbor.place).catch((error: unknown) => {
          if (!options.onUnreadable) throw error;
          options.onUnreadable(index.images[neighbor.place]!.image, error);
        });
        if (features) looked.push({ ...neighbor, features });
      }
      for (const N of new Set(looked.map(({ features }) => features.shape[1]))) {
        const alike = looked.filter(({ features }) => features.shape[1] === N);
        scored.push(...(await matchedTogether(model, query, alike)));
      }
    } finally {
      for (const { features } of looked) features.dispose();
    }
    options.onProgress?.(Math.min(start + BATCH, nearest.length), nearest.length);
  }
  return scored;
}

interface Looked extends Neighbor {
  /** [1,N,D] */
  readonly features: tf.Tensor3D;
}

/** Images of as many features each. */
async function matchedTogether(model: RetrievalModel, query: string, looked: readonly Looked[]): Promise<Scored[]> {
  const words = { tokenizer: model.tokenizer, textLength: model.config.maxPositions };
  const logits = tf.tidy(() => {
    const pairs = { texts: looked.map(() => query), images: looked.map((_, i) => i) };
    return pairLogits(model, { ...pairs, features: tf.concat(looked.map(({ features }) => features)) }, words);
  });
  const values = await logits.data();
  logits.dispose();
  return looked.map(({ place, score: itc }, i) => {
    const [no, yes] = [values[2 * i]!, values[2 * i + 1]!];
    return { place, itc, itm: 1 / (1 + Math.exp(no - yes)), score: yes + itc };
  });
}

/** [1,N,D], as they were kept or of another look. */
async function featuresOf(
  model: RetrievalModel,
  { features, images }: ImageIndex,
  place: number,
): Promise<tf.Tensor3D> {
  if (!features) return encodeImages(model, [images[place]!.path]);
  return tf.tensor3d(await features.read(place), [1, ...features.shape(place)]);
}
