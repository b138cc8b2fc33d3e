import { applyProcessor, type DecodedImage, FeatureCache, type Processor, toPixels } from '@blip2/data';
import { float16ToFloat32, float32ToFloat16 } from '@blip2/tensor/safetensors';
import { encodePixels, type VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

/** Features of many images, kept in half precision: computed once by a frozen encoder, read many times. */
export interface FeatureStore {
  /** Number of images. */
  readonly length: number;
  /** Reads the features [B,N,D] of the images at these indices; the caller owns them. */
  gather(indices: readonly number[]): Promise<tf.Tensor3D>;
  /** Closes the file, if there is one. */
  close(): Promise<void>;
}

/** Pixels of many images, for an image encoder that is trained. */
export interface PixelStore {
  /** Number of images. */
  readonly length: number;
  /** Gives the pixels [B,H,W,3] of the images at these indices; the caller owns them. */
  gather(indices: readonly number[]): Promise<tf.Tensor4D>;
}

/** Gives images as the pixels of an encoder, decoded and resized each time that they are asked for. */
export const pixelStore = (images: ImageList, processor: Processor): PixelStore => ({
  length: images.length,
  async gather(indices) {
    const items = await Promise.all(indices.map((index) => images.item(index)));
    return toPixels(
      items.map((image) => applyProcessor(image, processor)),
      processor,
    );
  },
});

/** Images by index, decoded when they are asked for. */
export interface ImageList {
  readonly length: number;
  /** Decodes the image at an index. */
  item(index: number): DecodedImage | Promise<DecodedImage>;
}

/** Gathers the features or the pixels of images, named as in a batch. */
export const imagesAt = async (
  from: { readonly features: FeatureStore } | { readonly pixels: PixelStore },
  indices: readonly number[],
): Promise<{ features: tf.Tensor3D } | { pixels: tf.Tensor4D }> =>
  'pixels' in from ? { pixels: await from.pixels.gather(indices) } : { features: await from.features.gather(indices) };

/** Options of `encodeAll` and `encodeToFile`. */
export interface EncodeOptions {
  /** How images become the encoder's pixels. */
  readonly processor: Processor;
  /** Number of images that are encoded at a time. Default 32. */
  readonly batchSize?: number;
  /** Called after each batch with the number of images encoded so far. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Aborts between two batches. */
  readonly signal?: AbortSignal;
}

/**
 * Encodes each image once with a frozen encoder and keeps the features in memory, in half precision.
 * @throws the signal's reason when it is aborted
 */
export async function encodeAll(
  encoder: VisionEncoder,
  images: ImageList,
  options: EncodeOptions,
): Promise<FeatureStore> {
  const rows: Uint16Array[] = [];
  let shape: readonly [number, number] = [0, 0];
  for await (const batch of encodeBatches(encoder, images, options)) {
    shape = batch.shape;
    rows.push(...batch.rows.map(float32ToFloat16));
  }
  const [N, D] = shape;
  return {
    length: rows.length,
    async gather(indices) {
      const values = new Float32Array(indices.length * N * D);
      indices.forEach((index, i) => {
        const row = rows[index];
        if (!row)
          throw new RangeError(`There is no image ${index} among ${rows.length}; take one below ${rows.length}.`);
        float16ToFloat32(row, values.subarray(i * N * D, (i + 1) * N * D));
      });
      return tf.tensor3d(values, [indices.length, N, D]);
    },
    close: async () => {},
  };
}

/** A file of features. */
export interface CacheFile {
  /** Path or `file:` URL. */
  readonly path: string | URL;
  /** Identifies encoder, processor and images: features of another key are computed again; see `cacheKey` of `@blip2/data`. */
  readonly key: string;
}

/**
 * Encodes each image once with a frozen encoder and keeps the features in a file, in half precision. A file of the same key
 * that is there already is opened, and nothing is encoded.
 * @throws when there are no images, and the signal's reason when it is aborted
 */
export async function encodeToFile(
  encoder: VisionEncoder,
  images: ImageList,
  { path, key, ...options }: EncodeOptions & CacheFile,
): Promise<FeatureStore> {
  const cache = (await FeatureCache.open(path, key)) ?? (await write(encoder, images, { path, key, ...options }));
  const [N, D] = cache.manifest.shape as [number, number];
  return {
    length: cache.length,
    gather: async (indices) => tf.tensor3d(await cache.read(indices), [indices.length, N, D]),
    close: () => cache.close(),
  };
}

async function write(
  encoder: VisionEncoder,
  images: ImageList,
  options: EncodeOptions & CacheFile,
): Promise<FeatureCache> {
  const { path, key } = options;
  const batches = encodeBatches(encoder, images, options);
  const first = await batches.next();
  if (first.done) throw new Error('There are no images to encode; give at least one.');
  const waiting = [...first.value.rows];
  const next = async (): Promise<Float32Array> => {
    if (waiting.length === 0) waiting.push(...((await batches.next()).value?.rows ?? []));
    return waiting.shift() as Float32Array;
  };
  const manifest = { key, dtype: 'float16', shape: first.value.shape, length: images.length } as const;
  return FeatureCache.write(path, manifest, next);
}

interface EncodedBatch {
  /** N and D */
  readonly shape: readonly [number, number];
  /** The features [N,D] of each image. */
  readonly rows: Float32Array[];
}

async function* encodeBatches(
  encoder: VisionEncoder,
  images: ImageList,
  options: EncodeOptions,
): AsyncGenerator<EncodedBatch, undefined> {
  const { processor, batchSize = 32, onProgress, signal } = options;
  for (let start = 0; start < images.length; start += batchSize) {
    signal?.throwIfAborted();
    const count = Math.min(batchSize, images.length - start);
    const items = await Promise.all(Array.from({ length: count }, (_, i) => images.item(start + i)));
    const pixels = toPixels(
      items.map((image) => applyProcessor(image, processor)),
      processor,
    );
    const features = await encodePixels(encoder, pixels).finally(() => pixels.dispose());
    const [, N, D] = features.shape;
    const values = (await features.data().finally(() => features.dispose())) as Float32Array;
    const rows = Array.from({ length: count }, (_, i) => values.subarray(i * N * D, (i + 1) * N * D));
    yield { shape: [N, D], rows };
    onProgress?.(start + count, images.length);
  }
  return undefined;
}
