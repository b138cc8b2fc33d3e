import { rename } from 'node:fs/promises';
import { isFile } from '@blip2/tensor/files';
import { type ImageVectors, type Neighbor, scoresOf, type VectorIndex } from './vector-index.js';

export interface ApproximateOptions {
  /**
   * Where the graph lies: it is read from there where it is, else made and written. It must be
   * removed when the index changes. It is read by native code: take only graphs that you made. Default: memory alone.
   */
  readonly path?: string | undefined;
  /** How far the graph is searched: more finds more of the nearest and takes longer. Default 256. */
  readonly breadth?: number | undefined;
  /** Images put in so far and in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds about the nearest images by a graph of all their vectors (HNSW, of `usearch`): for very many images that are
 * searched often. Its candidates get their exact scores, so that only which images are found is approximate.
 * @throws where usearch is not installed, or the graph in the file is of other vectors
 */
export async function approximateIndex(
  vectors: ImageVectors,
  { path, breadth = 256, onProgress, signal }: ApproximateOptions = {},
): Promise<VectorIndex> {
  const { Index, MetricKind, ScalarKind } = await usearch();
  const { length, queries: Q, width: E, blockSize } = vectors;
  const graph = new Index({
    dimensions: E,
    metric: MetricKind.IP,
    quantization: ScalarKind.F32,
    connectivity: 16,
    expansion_add: 64,
    expansion_search: breadth,
    multi: false,
  });
  if (path !== undefined && (await isFile(path))) {
    try {
      graph.view(path);
    } catch (cause) {
      throw new Error(`'${path}' is no graph of usearch; remove it, and it is made again.`, { cause });
    }
    if (graph.size() !== length * Q || graph.dimensions() !== E) {
      throw new Error(`'${path}' is the graph of other vectors; remove it, and it is made again.`);
    }
  } else {
    for (let start = 0; start < length; start += blockSize) {
      signal?.throwIfAborted();
      const values = await vectors.block(start / blockSize);
      const keys = BigUint64Array.from({ length: values.length / E }, (_, i) => BigInt(start * Q + i));
      graph.add(keys, values, 0);
      onProgress?.(Math.min(start + blockSize, length), length);
    }
    if (path !== undefined) {
      const temporary = `${path}.${Math.random().toString(36).slice(2, 10)}.tmp`;
      graph.save(temporary);
      await rename(temporary, path);
    }
  }

  /** The first `k` images of which a vector is near, as many vectors being asked for as that takes. */
  function near(query: Float32Array, k: number): number[] {
    for (let count = 4 * k; ; count *= 4) {
      const wanted = Math.min(count, length * Q);
      const { keys } = graph.search(query, wanted, 1);
      const places = [...new Set(Array.from(keys, (key) => Math.floor(Number(key) / Q)))];
      if (places.length >= k || wanted === length * Q || keys.length < wanted) return places;
    }
  }

  return {
    length,
    async search(query, k) {
      const places = near(query, Math.min(k, length)).sort((a, b) => a - b);
      const scores = await scoresOf(vectors, query, places);
      const found = places.map((place, i): Neighbor => ({ place, score: scores[i] as number }));
      return found.sort((a, b) => b.score - a.score || a.place - b.place).slice(0, k);
    },
  };
}

/** The library is loaded when it is asked for, and nobody needs it who does not ask. */
async function usearch(): Promise<typeof import('usearch')> {
  try {
    return await import('usearch');
  } catch (cause) {
    throw new Error(`Approximate search needs the package 'usearch'; install it with 'npm install usearch'.`, {
      cause,
    });
  }
}
