import { rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RetrievalModel } from '@blip2/models';
import { encodeImages, type Models, retrievalModel } from '@blip2/models';
import { imageFeatures, queryOutput } from '@blip2/qformer';
import { isFile, openTemporaryValues, type TemporaryValues } from '@blip2/tensor/files';
import { normFeatures } from '@blip2/training';
import * as tf from '@tensorflow/tfjs';
import { fingerprintOf } from './fingerprint.js';
import { type ImageIndex, type IndexEntry, openIndex, writeIndex } from './index-file.js';

export interface IndexOptions {
  /** The file. One that is there already is brought up to date: images that did not change are not looked at again. */
  readonly out: string;
  /**
   * Keep what the image encoder saw, in half precision (0.7 MB an image with ViT-g): searching then matches without
   * looking at images again. Default true; without it matching is that of `match` to the last digit, and takes a look at
   * each image that it re-ranks.
   */
  readonly features?: boolean | undefined;
  /** Leave out images whose files are gone. Default false. */
  readonly prune?: boolean | undefined;
  /** Told of an image that cannot be read, which is then left out. Default: throws. */
  readonly onUnreadable?: ((image: string, error: unknown) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Stops between two images. What was looked at until then is in the index. */
  readonly signal?: AbortSignal | undefined;
}

export interface IndexSummary {
  readonly out: string;
  /** Images in the index. */
  readonly images: number;
  /** Images that were looked at. */
  readonly looked: number;
  /** Images that were left out because their files are gone. */
  readonly pruned: number;
}

/**
 * Makes an index of images, or brings one up to date: of each image the Q vectors by which it is compared with texts,
 * in a file of its own format (safetensors). It remembers its model, and refuses another.
 * @throws for an index of another model, and where no image could be read
 */
export async function indexImages(
  models: Models,
  images: readonly string[],
  options: IndexOptions,
): Promise<IndexSummary> {
  const model = retrievalModel(models);
  const { out, signal, onProgress } = options;
  const made = { folder: resolve(model.folder), fingerprint: await fingerprintOf(model) };
  const older = (await isFile(out)) ? await openIndex(out) : undefined;
  const temporary = await openTemporaryValues(out).catch(async (error: unknown) => {
    await older?.close();
    throw error;
  });
  try {
    if (older) expectModel(older, made.fingerprint);
    const entries = older ? entriesOf(older) : new Map<string, IndexEntry>();
    const pruned = options.prune ? await prune(entries) : 0;
    let [done, looked] = [0, 0];
    for (const image of images) {
      if (signal?.aborted) break;
      if (await addTo(entries, image, { model, temporary, options })) looked++;
      onProgress?.(++done, images.length);
    }
    if (entries.size === 0) {
      signal?.throwIfAborted();
      throw new Error(`There is no image for '${out}'; give images that can be read.`);
    }
    const { queries, projectionSize: width } = model.config;
    await rm(graphOf(out), { force: true });
    await writeIndex(out, { model: made, entries: [...entries.values()], queries, width });
    signal?.throwIfAborted();
    return { out, images: entries.size, looked, pruned };
  } finally {
    await older?.close();
    await temporary.close();
  }
}

/** Where the graph of an index lies, by which it is searched approximately; gone when the index changes. */
export const graphOf = (index: string): string => `${index}.usearch`;

/** @throws for an index that was made by another model */
export function expectModel({ path, model }: ImageIndex, fingerprint: string): void {
  if (model.fingerprint === fingerprint) return;
  throw new Error(`'${path}' was made with another model, '${model.folder}'; take that one, or make it again.`);
}

/** Entries by path that read from the older file. */
function entriesOf({ images, vectors, features }: ImageIndex): Map<string, IndexEntry> {
  const { queries: Q, width: E, blockSize } = vectors;
  let last: { block: number; values: Promise<Float32Array> } | undefined;
  const entry = (place: number): IndexEntry => ({
    image: images[place]!,
    vectors: async () => {
      const block = Math.floor(place / blockSize);
      if (last?.block !== block) last = { block, values: vectors.block(block) };
      const row = place - block * blockSize;
      return (await last.values).subarray(row * Q * E, (row + 1) * Q * E);
    },
    ...(features && { features: { shape: features.shape(place), values: () => features.read(place) } }),
  });
  return new Map(images.map(({ path }, place) => [path, entry(place)]));
}

async function prune(entries: Map<string, IndexEntry>): Promise<number> {
  let gone = 0;
  for (const path of [...entries.keys()]) {
    if (await isFile(path)) continue;
    entries.delete(path);
    gone++;
  }
  return gone;
}

interface Adding {
  readonly model: RetrievalModel;
  readonly temporary: TemporaryValues;
  readonly options: IndexOptions;
}

/** Whether the image was looked at. */
async function addTo(
  entries: Map<string, IndexEntry>,
  image: string,
  { model, temporary, options }: Adding,
): Promise<boolean> {
  const { features = true, onUnreadable } = options;
  const path = resolve(image);
  const old = entries.get(path);
  try {
    const { mtimeMs: mtime, size } = await stat(path).catch(() => {
      throw new Error(`There is no image at '${image}'; check the path.`);
    });
    const indexed = { image, path, mtime, size };
    if (old && old.image.mtime === mtime && old.image.size === size && Boolean(old.features) === features) {
      return false;
    }
    const seen = await encodeImages(model, [image]);
    const [vectors, values] = await valuesOf(model, seen);
    const shape = seen.shape.slice(1);
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

/** The vectors [Q,E] of an image and its features [N,D], which are freed. */
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
