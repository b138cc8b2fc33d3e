import { applyProcessor, type DecodedImage, FeatureCache, type Processor, toPixels } from '@blip2/data';
import { float16ToFloat32, float32ToFloat16 } from '@blip2/tensor/safetensors';
import type { VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

/** Features of many images, [P,N,D], in half precision: computed once, read many times. */
export interface FeatureStore {
  readonly length: number;
  /** [B,N,D] of the images at these places; the caller owns it. */
  gather(places: readonly number[]): Promise<tf.Tensor3D>;
  close(): Promise<void>;
}

export interface ImageList {
  readonly length: number;
  item(index: number): DecodedImage | Promise<DecodedImage>;
}

export interface EncodeOptions {
  readonly processor: Processor;
  /** Images at a time. Default 32. */
  readonly batchSize?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Looks at each image once with a frozen encoder and keeps what it saw in memory. */
export async function encodeAll(
  encoder: VisionEncoder,
  images: ImageList,
  options: EncodeOptions,
): Promise<FeatureStore> {
  const rows: Uint16Array[] = [];
  let shape: readonly [number, number] = [0, 0];
  for await (const seen of encoded(encoder, images, options)) {
    shape = seen.shape;
    rows.push(...seen.rows.map(float32ToFloat16));
  }
  const [N, D] = shape;
  return {
    length: rows.length,
    async gather(places) {
      const values = new Float32Array(places.length * N * D);
      places.forEach((place, i) => {
        const row = rows[place];
        if (!row) throw new RangeError(`There is no image ${place} among ${rows.length}.`);
        float16ToFloat32(row, values.subarray(i * N * D, (i + 1) * N * D));
      });
      return tf.tensor3d(values, [places.length, N, D]);
    },
    close: async () => {},
  };
}

export interface CacheFile {
  readonly path: string;
  /** Says what the features were computed from; see `cacheKey` of `@blip2/data`. */
  readonly key: string;
}

/** The same kept in a file: where one of this key is there already, nothing is looked at. */
export async function encodeToFile(
  encoder: VisionEncoder,
  images: ImageList,
  { path, key, ...options }: EncodeOptions & CacheFile,
): Promise<FeatureStore> {
  const cache = (await FeatureCache.open(path, key)) ?? (await write(encoder, images, { path, key, ...options }));
  const [N, D] = cache.manifest.shape as [number, number];
  return {
    length: cache.length,
    gather: async (places) => tf.tensor3d(await cache.read(places), [places.length, N, D]),
    close: () => cache.close(),
  };
}

async function write(
  encoder: VisionEncoder,
  images: ImageList,
  options: EncodeOptions & CacheFile,
): Promise<FeatureCache> {
  const { path, key } = options;
  const batches = encoded(encoder, images, options);
  const first = await batches.next();
  if (first.done) throw new Error('There are no images to look at.');
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
  /** One an image, [N,D]. */
  readonly rows: Float32Array[];
}

async function* encoded(
  encoder: VisionEncoder,
  images: ImageList,
  options: EncodeOptions,
): AsyncGenerator<EncodedBatch, undefined> {
  const { processor, batchSize = 32, onProgress, signal } = options;
  for (let start = 0; start < images.length; start += batchSize) {
    signal?.throwIfAborted();
    const count = Math.min(batchSize, images.length - start);
    const items = await Promise.all(Array.from({ length: count }, (_, i) => images.item(start + i)));
    const features = tf.tidy(() => {
      const ready = items.map((image) => applyProcessor(image, processor));
      return encoder.encode(toPixels(ready, processor));
    });
    const values = (await features.data()) as Float32Array;
    const [, N, D] = features.shape;
    features.dispose();
    const rows = Array.from({ length: count }, (_, i) => values.subarray(i * N * D, (i + 1) * N * D));
    yield { shape: [N, D], rows };
    onProgress?.(start + count, images.length);
  }
  return undefined;
}
