import { similarity } from '@blip2/losses';
import { topK } from '@blip2/models';
import * as tf from '@tensorflow/tfjs';

/** The vectors that images are compared by, Q of width E an image, in blocks of images. */
export interface ImageVectors {
  /** Images. */
  readonly length: number;
  readonly queries: number;
  readonly width: number;
  /** Images in each block but the last, which may have fewer. */
  readonly blockSize: number;
  /** [n,Q,E] of one block. */
  block(index: number): Promise<Float32Array>;
}

export interface Neighbor {
  /** Which image. */
  readonly place: number;
  /** The largest product of any of its vectors with the one sought. */
  readonly score: number;
}

/** Finds the images nearest to a vector. */
export interface VectorIndex {
  /** Images in it. */
  readonly length: number;
  /** The `k` nearest to `query` [E], nearest first; of equal ones the first. */
  search(query: Float32Array, k: number): Promise<Neighbor[]>;
}

/** Holds every image against the vector, a block at a time: memory is that of one block, for any number of images. */
export function exactIndex(vectors: ImageVectors): VectorIndex {
  const { length } = vectors;
  return {
    length,
    async search(query, k) {
      const places = Array.from({ length }, (_, i) => i);
      const scores = await scoresOf(vectors, query, places);
      return topK(scores, k).map((place) => ({ place, score: scores[place] as number }));
    },
  };
}

/** The exact scores of some images, `places` in rising order. Each block is read once. */
export async function scoresOf(
  vectors: ImageVectors,
  query: Float32Array,
  places: readonly number[],
): Promise<Float32Array> {
  const { queries: Q, width: E, blockSize } = vectors;
  const scores = new Float32Array(places.length);
  for (let start = 0; start < places.length; ) {
    const block = Math.floor(places[start]! / blockSize);
    let end = start;
    while (end < places.length && Math.floor(places[end]! / blockSize) === block) end++;
    const all = await scoresOfBlock(await vectors.block(block), query, [Q, E]);
    for (; start < end; start++) scores[start] = all[places[start]! - block * blockSize] as number;
  }
  return scores;
}

async function scoresOfBlock(
  values: Float32Array,
  query: Float32Array,
  [Q, E]: [Q: number, E: number],
): Promise<Float32Array> {
  const scores = tf.tidy(() => {
    const images = tf.tensor3d(values, [values.length / (Q * E), Q, E]);
    return similarity(images, tf.tensor2d(query, [1, E])); // [n,1]
  });
  try {
    return (await scores.data()) as Float32Array;
  } finally {
    scores.dispose();
  }
}
