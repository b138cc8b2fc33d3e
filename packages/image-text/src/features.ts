import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheKey, type DecodedImage, type ImageTextItem, type SkippedItem, toPixels } from '@blip2/data';
import { hash, rng } from '@blip2/tensor';
import { defaultCacheDir } from '@blip2/tensor/files';
import { float16ToFloat32 } from '@blip2/tensor/safetensors';
import type { FeatureStore, VisionModel } from '@blip2/training';
import { encodePixels } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';
import { ahead } from './ahead.js';
import { checkImages, loadImage, type ReadOptions, reasonOf } from './check-images.js';
import { type EncodedBatch, featureShards, itemsTogether } from './feature-shards.js';

/** Images with their features of the frozen encoder. */
export interface ImageFeatures {
  /** The images that can be used, as indices of the items that were given. */
  readonly kept: readonly number[];
  readonly skipped: readonly SkippedItem[];
  /**
   * Reads or decodes the images of a batch, by their place in `kept`, without the encoder; the result gives their features
   * [B,N,D], or their pixels [B,H,W,3] where these are wanted, which the caller owns. `seed` chooses the views, or draws the
   * augmentation. They are the rows from `first` on of a batch that several processes share. Default 0.
   */
  prepare(images: readonly number[], seed: number, first?: number): Promise<() => Promise<tf.Tensor3D | tf.Tensor4D>>;
  /** The features as a store, of the first view. */
  readonly store: FeatureStore;
  close(): Promise<void>;
}

/** Options of `openFeatures`. */
export interface FeatureOptions extends ReadOptions {
  readonly vision: VisionModel;
  /** Identifies the encoder's weights. Without it features are kept only while they are in use. */
  readonly fingerprint?: string | undefined;
  /** Views of each image that are augmented differently; 1 where the plan does not augment. */
  readonly views: number;
  readonly seed: number;
  /** Whether features are computed once and kept on disk, or for each batch. */
  readonly cached: boolean;
  /** Whether batches are of pixels, which the training encodes itself. Default false. */
  readonly pixels?: boolean | undefined;
}

/** Changed whenever the same images have other features. */
const FORMAT = 1;

/** Opens the features of images: encodes what is not in the cache yet, or checks that every image can be decoded. */
export async function openFeatures(items: readonly ImageTextItem[], options: FeatureOptions): Promise<ImageFeatures> {
  return options.cached ? fromCache(items, options) : fromImages(items, options);
}

async function fromCache(items: readonly ImageTextItem[], options: FeatureOptions): Promise<ImageFeatures> {
  const { name, vision, fingerprint, identity, plan, views, seed, reporter, signal } = options;
  const key = await cacheKey(FORMAT, fingerprint, identity, plan, vision.processor, views, plan.train ? seed : null);
  const temporary = fingerprint === undefined ? await mkdtemp(join(tmpdir(), 'blip2-features-')) : undefined;
  const folder = temporary ?? join(defaultCacheDir(), 'features', key.slice(0, 32));
  const shards = await featureShards({
    folder,
    count: items.length,
    views,
    encode: encoder(items, options),
    onProgress: (done, total) => reporter.progress(`encoding ${name}`, done, total),
    onNote: (text) => reporter.note(text),
    signal,
  });
  const [N, D] = shards.shape;
  const gather = async (indices: readonly number[]): Promise<tf.Tensor3D> =>
    toTensor(await shards.read(indices), [N, D]);
  return {
    kept: shards.kept,
    skipped: shards.skipped.map(({ item, reason }) => ({ id: (items[item] as ImageTextItem).id, reason })),
    async prepare(images, at, first = 0) {
      const random = rng(at);
      for (let before = 0; before < first; before++) random();
      const halves = await shards.read(images.map((image) => image * views + Math.floor(random() * views)));
      return async () => toTensor(halves, [N, D]);
    },
    store: {
      length: shards.kept.length,
      gather: (images) => gather(images.map((image) => image * views)),
      close: async () => {},
    },
    async close() {
      await shards.close();
      if (temporary) await rm(temporary, { recursive: true, force: true });
    },
  };
}

function toTensor(halves: Uint16Array, [N, D]: readonly [number, number]): tf.Tensor3D {
  const values = new Float32Array(halves.length);
  float16ToFloat32(halves, values);
  return tf.tensor3d(values, [halves.length / (N * D), N, D]);
}

/** Encodes items in their order, and decodes the next ones meanwhile. */
function encoder(items: readonly ImageTextItem[], options: FeatureOptions) {
  const { views, vision, seed } = options;
  const together = itemsTogether(views);
  const load = (item: ImageTextItem): Promise<DecodedImage[]> =>
    Promise.all(
      Array.from({ length: views }, (_, view) => loadImage(item, hash(seed, `${item.id} view ${view}`), options)),
    );
  const decoded = ahead(async (batch) => {
    const some = items.slice(batch * together, (batch + 1) * together);
    return Promise.allSettled(some.map(load));
  }, 1);
  return async (first: number, end: number): Promise<EncodedBatch> => {
    // a shard may end within a batch of the journal of another size
    const loaded =
      first % together === 0
        ? await decoded.at(first / together)
        : await Promise.allSettled(items.slice(first, end).map(load));
    const results = loaded.slice(0, end - first);
    options.signal?.throwIfAborted();
    const images = results.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
    const features = images.length > 0 ? await encodeImages(vision, images) : undefined;
    const shape = (features?.shape.slice(1) ?? [0, 0]) as [number, number];
    const values = features && ((await features.data().finally(() => features.dispose())) as Float32Array);
    const size = shape[0] * shape[1];
    let at = 0;
    return {
      shape,
      items: results.map((result) => {
        if (result.status === 'rejected') return { reason: reasonOf(result.reason) };
        return { views: result.value.map(() => (values as Float32Array).slice(at * size, ++at * size)) };
      }),
    };
  };
}

async function encodeImages(vision: VisionModel, images: readonly DecodedImage[]): Promise<tf.Tensor3D> {
  const pixels = toPixels(images, vision.processor);
  return encodePixels(vision, pixels).finally(() => pixels.dispose());
}

async function fromImages(items: readonly ImageTextItem[], options: FeatureOptions): Promise<ImageFeatures> {
  const { vision, seed, plan, pixels = false } = options;
  const { kept, skipped } = await checkImages(items, options);
  const load = (images: readonly number[], at: number, first: number): Promise<DecodedImage[]> =>
    Promise.all(
      images.map((image, i) =>
        loadImage(items[kept[image] as number] as ImageTextItem, hash(at, `crop ${first + i}`), options),
      ),
    );
  const plain = { ...options, plan: { ...plan, train: undefined } };
  return {
    kept,
    skipped,
    async prepare(images, at, first = 0) {
      const decoded = await load(images, at, first);
      return async () => (pixels ? toPixels(decoded, vision.processor) : encodeImages(vision, decoded));
    },
    store: {
      length: kept.length,
      gather: async (images) =>
        encodeImages(
          vision,
          await Promise.all(
            images.map((image) => loadImage(items[kept[image] as number] as ImageTextItem, seed, plain)),
          ),
        ),
      close: async () => {},
    },
    close: async () => {},
  };
}
