import { similarity } from '@blip2/losses';
import { topK } from '@blip2/models';
import * as tf from '@tensorflow/tfjs';

/** The ITC feature vectors of indexed images, Q vectors of width E per image, in blocks of images. */
export interface ImageVectors {
  /** The number of images. */
  readonly length: number;
  /** Vectors per image, Q. */
  readonly queries: number;
  /** The width of a vector, E. */
  readonly width: number;
  /** Images per block; the last block may have fewer. */
  readonly blockSize: number;
  /** Reads the vectors [n,Q,E] of one block. */
  block(index: number): Promise<Float32Array>;
}

/** An image found by a vector search. */
export interface Neighbor {
  /** Index of the image. */
  readonly image: number;
  /** The largest dot product of any of its vectors with the query. */
  readonly score: number;
}

/** Finds the images that are nearest to a query vector. */
export interface VectorIndex {
  /** The number of images. */
  readonly length: number;
  /** Finds the `k` images nearest to `query` [E], nearest first; equal scores keep their order. */
  search(query: Float32Array, k: number): Promise<Neighbor[]>;
}

/**
 * Creates an exact vector index: each search scores every image, one block in memory at a time.
 * @param names of the images, by which equal scores are ordered. Default: equal scores keep the order of the images
 */
export function exactIndex(vectors: ImageVectors, names?: readonly string[]): VectorIndex {
  const { length } = vectors;
  const compare = names && ((a: number, b: number) => compareNames(names[a] as string, names[b] as string) || a - b);
  return {
    length,
    async search(query, k) {
      const images = Array.from({ length }, (_, i) => i);
      const scores = await scoresOf(vectors, query, images);
      return topK(scores, k, compare).map((image) => ({ image, score: scores[image] as number }));
    },
  };
}

/** Orders names by their UTF-16 code units. */
export const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Computes the exact scores of some images, given in ascending order. Each block is read once. */
export async function scoresOf(
  vectors: ImageVectors,
  query: Float32Array,
  images: readonly number[],
): Promise<Float32Array> {
  const { queries: Q, width: E, blockSize } = vectors;
  const scores = new Float32Array(images.length);
  for (let start = 0; start < images.length; ) {
    const block = Math.floor(images[start]! / blockSize);
    let end = start;
    while (end < images.length && Math.floor(images[end]! / blockSize) === block) end++;
    const all = await scoresOfBlock(await vectors.block(block), query, [Q, E]);
    for (; start < end; start++) scores[start] = all[images[start]! - block * blockSize] as number;
  }
  return scores;
}

async function scoresOfBlock(
  values: Float32Array,
  query: Float32Array,
  [Q, E]: [Q: number, E: number],
): Promise<Float32Array> {
  const scores = tf.tidy(() => {
    const rows = tf.tensor3d(values, [values.length / (Q * E), Q, E]);
    return similarity(rows, tf.tensor2d(query, [1, E])); // [n,1]
  });
  try {
    return (await scores.data()) as Float32Array;
  } finally {
    scores.dispose();
  }
}
