import { resolve } from 'node:path';
import { textFeatures, textPass } from '@blip2/qformer';
import * as tf from '@tensorflow/tfjs';
import { textTensors } from '../data/texts.js';
import type { RetrievalModel } from '../model/loaded.js';
import { look } from '../model/look.js';
import { type Models, retrievalModel } from '../model/pick.js';
import { fingerprintOf } from './fingerprint.js';
import type { PictureIndex } from './index-file.js';
import { expectModel } from './make-index.js';
import { pairLogits } from './pairs.js';
import { exactIndex, type Neighbour, type VectorIndex } from './vector-index.js';

export interface SearchOptions {
  /** So many results. Default 10. */
  readonly top?: number | undefined;
  /** How many of the best by ITC are ordered again by ITM, the reference's `k_test`; 0: none. Default 128. */
  readonly rerank?: number | undefined;
  /** Finds the best by ITC. Default: `exactIndex` of the index. */
  readonly vectors?: VectorIndex | undefined;
  /** Told of a picture that should be looked at again and cannot be read; it is left out. Default: throws. */
  readonly onUnread?: ((image: string, error: unknown) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Found {
  /** From one. */
  readonly rank: number;
  readonly image: string;
  /** The similarity of picture and text, -1 to 1. */
  readonly itc: number;
  /** The probability that they belong together; null where only ITC placed it. */
  readonly itm: number | null;
}

/**
 * Finds the pictures that a text fits best: by ITC over all, then the best `rerank` again, in the order of ITM logit + ITC
 * (specification 2.7). Pictures beyond those follow in the order of ITC.
 * @throws for an index of another model
 */
export async function searchIndex(
  models: Models,
  { index, query }: { readonly index: PictureIndex; readonly query: string },
  options: SearchOptions = {},
): Promise<Found[]> {
  const model = retrievalModel(models);
  expectModel(index, await fingerprintOf(model));
  const { top = 10, rerank = 128, vectors = exactIndex(index.vectors) } = options;
  const nearest = await vectors.search(await textVector(model, query), Math.max(top, rerank));
  const scored = await matched(model, { index, query, nearest: nearest.slice(0, rerank) }, options);
  scored.sort((a, b) => b.score - a.score);
  const rest = nearest.slice(rerank).map(({ place, score }) => ({ place, itc: score, itm: null }));
  return [...scored, ...rest].slice(0, top).map(({ place, itc, itm }, i) => {
    const { image, path } = index.pictures[place]!;
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
  readonly index: PictureIndex;
  readonly query: string;
  readonly nearest: readonly Neighbour[];
}

interface Scored {
  readonly place: number;
  readonly itc: number;
  readonly itm: number;
  /** What the reference orders by: the logit of a match, and ITC. */
  readonly score: number;
}

/** Pictures at a time. */
const BATCH = 8;

async function matched(model: RetrievalModel, candidates: Candidates, options: SearchOptions): Promise<Scored[]> {
  const { index, query, nearest } = candidates;
  const scored: Scored[] = [];
  for (let start = 0; start < nearest.length; start += BATCH) {
    const looked: Looked[] = [];
    try {
      for (const neighbour of nearest.slice(start, start + BATCH)) {
        options.signal?.throwIfAborted();
        const features = await featuresOf(model, index, neighbour.place).catch((error: unknown) => {
          if (!options.onUnread) throw error;
          options.onUnread(index.pictures[neighbour.place]!.image, error);
        });
        if (features) looked.push({ ...neighbour, features });
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

interface Looked extends Neighbour {
  /** [1,N,D] */
  readonly features: tf.Tensor3D;
}

/** Pictures of as many features each. */
async function matchedTogether(model: RetrievalModel, query: string, looked: readonly Looked[]): Promise<Scored[]> {
  const words = { tokenizer: model.tokenizer, textLength: model.config.maxPositions };
  const logits = tf.tidy(() => {
    const pairs = { texts: looked.map(() => query), pictures: looked.map((_, i) => i) };
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
  { features, pictures }: PictureIndex,
  place: number,
): Promise<tf.Tensor3D> {
  if (!features) return look(model, [pictures[place]!.path]);
  return tf.tensor3d(await features.read(place), [1, ...features.shape(place)]);
}
