import type { RetrievalModel } from '@blip2/models';
import { encodeImages, type Models, retrievalModel } from '@blip2/models';
import { imageFeatures, queryOutput } from '@blip2/qformer';
import {
  fileStatus,
  isFile,
  openTemporaryValues,
  removePath,
  resolve,
  type TemporaryValues,
  toPath,
} from '@blip2/tensor/files';
import { normFeatures } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { fingerprintOf } from './fingerprint.js';
import { type ImageIndex, type IndexEntry, openIndex, writeIndex } from './index-file.js';

/** Options of `indexImages`. */
export interface IndexOptions {
  /** The file of the index: a path or a `file:` URL. An existing index is updated: unchanged images are not encoded again. */
  readonly out: string | URL;
  /**
   * Store the features of the image encoder in half precision (0.7 MB per image with ViT-g), so that re-ranking does not
   * encode images again. Without them ITM scores equal those of `match` to the last digit. Default true.
   */
  readonly features?: boolean | undefined;
  /** Remove images whose files no longer exist. Default false. */
  readonly prune?: boolean | undefined;
  /** Called for an image that cannot be read, which is then left out. Default: the error is thrown. */
  readonly onUnreadable?: ((image: string, error: unknown) => void) | undefined;
  /** Called after each image with the number of images done and their total. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Stops between two images: those encoded until then are written, and the call throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of `indexImages`. */
export interface IndexSummary {
  /** The path of the index. */
  readonly out: string;
  /** Images in the index. */
  readonly images: number;
  /** Images that were encoded because they are new or have changed. */
  readonly encoded: number;
  /** Images that were removed because their files no longer exist. */
  readonly pruned: number;
}

/**
 * Creates or updates an index of images, a safetensors file with the ITC features of each image. An index belongs to the
 * model that it was made with.
 * @param images paths or `file:` URLs
 * @throws for an index of another model, and where no image could be read
 */
export async function indexImages(
  models: Models,
  images: readonly (string | URL)[],
  options: IndexOptions,
): Promise<IndexSummary> {
  const model = retrievalModel(models);
  const { signal, onProgress } = options;
  const out = toPath(options.out);
  const indexModel = {
    folder: resolve(model.folder),
    fingerprint: await fingerprintOf(model),
    orient: model.orient ?? true,
  };
  const older = (await isFile(out)) ? await openIndex(out) : undefined;
  const temporary = await openTemporaryValues(out).catch(async (error: unknown) => {
    await older?.close();
    throw error;
  });
  try {
    if (older) expectModel(older, indexModel.fingerprint);
    if (older && older.model.orient !== indexModel.orient) {
      const way = older.model.orient ? 'with' : 'without';
      throw new Error(
        `'${out}' was made ${way} the EXIF orientation of images; index them the same way, or give another file.`,
      );
    }
    const entries = older ? entriesOf(older) : new Map<string, IndexEntry>();
    const pruned = options.prune ? await prune(entries) : 0;
    let [done, encoded] = [0, 0];
    for (const image of images) {
      if (signal?.aborted) break;
      if (await addTo(entries, toPath(image), { model, temporary, options })) encoded++;
      onProgress?.(++done, images.length);
    }
    if (entries.size === 0) {
      signal?.throwIfAborted();
      throw new Error(`There is no image for '${out}'; give images that can be read.`);
    }
    const { queries, projectionSize: width } = model.config;
    await removePath(graphPath(out));
    await writeIndex(out, { model: indexModel, entries: [...entries.values()], queries, width });
    signal?.throwIfAborted();
    return { out, images: entries.size, encoded, pruned };
  } finally {
    await older?.close();
    await temporary.close();
  }
}

/** Returns the path of the graph for approximate search of an index; `indexImages` removes it when the index changes. */
export const graphPath = (index: string): string => `${index}.usearch`;

/** @throws for an index that was made by another model */
export function expectModel({ path, model }: ImageIndex, fingerprint: string): void {
  if (model.fingerprint === fingerprint) return;
  throw new Error(`'${path}' was made with another model, '${model.folder}'; use that one, or make the index again.`);
}

/** The entries of an existing index by path; their values are read from its file. */
function entriesOf({ images, vectors, features }: ImageIndex): Map<string, IndexEntry> {
  const { queries: Q, width: E, blockSize } = vectors;
  let last: { block: number; values: Promise<Float32Array> } | undefined;
  const entry = (index: number): IndexEntry => ({
    image: images[index]!,
    vectors: async () => {
      const block = Math.floor(index / blockSize);
      if (last?.block !== block) last = { block, values: vectors.block(block) };
      const row = index - block * blockSize;
      return (await last.values).subarray(row * Q * E, (row + 1) * Q * E);
    },
    ...(features && { features: { shape: features.shape(index), values: () => features.read(index) } }),
  });
  return new Map(images.map(({ path }, index) => [path, entry(index)]));
}

async function prune(entries: Map<string, IndexEntry>): Promise<number> {
  let pruned = 0;
  for (const path of [...entries.keys()]) {
    if (await isFile(path)) continue;
    entries.delete(path);
    pruned++;
  }
  return pruned;
}

interface Adding {
  readonly model: RetrievalModel;
  readonly temporary: TemporaryValues;
  readonly options: IndexOptions;
}

/** Adds an image to the entries. @returns whether it was encoded */
async function addTo(
  entries: Map<string, IndexEntry>,
  image: string,
  { model, temporary, options }: Adding,
): Promise<boolean> {
  const { features = true, onUnreadable } = options;
  const path = resolve(image);
  const old = entries.get(path);
  try {
    const { modified: mtime, size } = await fileStatus(path).catch(() => {
      throw new Error(`There is no image at '${image}'; check the path.`);
    });
    const indexed = { image, path, mtime, size };
    if (old && old.image.mtime === mtime && old.image.size === size && Boolean(old.features) === features) {
      return false;
    }
    const encoded = await encodeImages(model, [image]);
    const shape = encoded.shape.slice(1);
    const [vectors, values] = await valuesOf(model, encoded);
    entries.set(path, {
      image: indexed,
      vectors: await temporary.store(vectors),
      ...(features && { features: { shape, values: await temporary.store(values) } }),
    });
    return true;
  } catch (error) {
    if (!onUnreadable) throw error;
    onUnreadable(image, error);
    return false;
  }
}

/** Reads the vectors [Q,E] of an image and its features [N,D], which are disposed. */
async function valuesOf(
  { params, config }: RetrievalModel,
  features: tf.Tensor3D,
): Promise<[Float32Array, Float32Array]> {
  const vectors = tf.tidy(() => imageFeatures(params, queryOutput(params, config, normFeatures(params, features))));
  try {
    return [(await vectors.data()) as Float32Array, (await features.data()) as Float32Array];
  } finally {
    tf.dispose([vectors, features]);
  }
}
