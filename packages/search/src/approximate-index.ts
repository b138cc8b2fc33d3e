import { isFile, renamePath, toPath } from '@blip2/tensor/files';
import { type ImageVectors, type Neighbor, scoresOf, type VectorIndex } from './vector-index.js';

/** Options of `approximateIndex`. */
export interface ApproximateOptions {
  /**
   * The file of the graph: a path or a `file:` URL. An existing graph is read, otherwise it is built and written. Remove it
   * when the index changes. It is read by native code: use only graphs that you built. Default: in memory only.
   */
  readonly path?: string | URL | undefined;
  /** The size of the candidate list of a search (`efSearch` of HNSW): larger is more exact and slower. Default 256. */
  readonly efSearch?: number | undefined;
  /** Called while the graph is built, with the number of images added and their total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Creates an approximate vector index, an HNSW graph of the package `usearch`, for many images that are searched often.
 * The images found get their exact scores; only which images are found is approximate.
 * @throws where `usearch` is not installed, and for a graph of other vectors
 */
export async function approximateIndex(
  vectors: ImageVectors,
  { path: file, efSearch = 256, onProgress, signal }: ApproximateOptions = {},
): Promise<VectorIndex> {
  const path = file === undefined ? undefined : toPath(file);
  const { Index, MetricKind, ScalarKind } = await usearch();
  const { length, queries: Q, width: E, blockSize } = vectors;
  const graph = new Index({
    dimensions: E,
    metric: MetricKind.IP,
    quantization: ScalarKind.F32,
    connectivity: 16,
    expansion_add: 64,
    expansion_search: efSearch,
    multi: false,
  });
  if (path !== undefined && (await isFile(path))) {
    try {
      graph.view(path);
    } catch (cause) {
      throw new Error(`'${path}' is not a graph of usearch; remove it, and it is built again.`, { cause });
    }
    if (graph.size() !== length * Q || graph.dimensions() !== E) {
      throw new Error(`'${path}' is the graph of other vectors; remove it, and it is built again.`);
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
      await renamePath(temporary, path);
    }
  }

  /** Finds at least `k` images by their vectors: an image has several, so more vectors than images are searched for. */
  function near(query: Float32Array, k: number): number[] {
    for (let count = 4 * k; ; count *= 4) {
      const wanted = Math.min(count, length * Q);
      const { keys } = graph.search(query, wanted, 1);
      const images = [...new Set(Array.from(keys, (key) => Math.floor(Number(key) / Q)))];
      if (images.length >= k || wanted === length * Q || keys.length < wanted) return images;
    }
  }

  return {
    length,
    async search(query, k) {
      const images = near(query, Math.min(k, length)).sort((a, b) => a - b);
      const scores = await scoresOf(vectors, query, images);
      const found = images.map((image, i): Neighbor => ({ image, score: scores[i] as number }));
      return found.sort((a, b) => b.score - a.score || a.image - b.image).slice(0, k);
    },
  };
}

/** Loads the optional peer `usearch`. */
async function usearch(): Promise<typeof import('usearch')> {
  try {
    return await import('usearch');
  } catch (cause) {
    throw new Error(`Approximate search needs the package 'usearch'; install it with 'npm install usearch'.`, {
      cause,
    });
  }
}
