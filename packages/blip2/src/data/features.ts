import { applyProcessor, FeatureCache, type Picture, type Processor, toPixels } from '@blip2/data';
import { float16ToFloat32, float32ToFloat16 } from '@blip2/tensor/safetensors';
import type { VisionEncoder } from '@blip2/vision';
import * as tf from '@tensorflow/tfjs';

/** Features of many pictures, [P,N,D], in half precision: computed once, read many times. */
export interface FeatureStore {
  readonly length: number;
  /** [B,N,D] of the pictures at these places; the caller owns it. */
  gather(places: readonly number[]): Promise<tf.Tensor3D>;
  close(): Promise<void>;
}

export interface Pictures {
  readonly length: number;
  item(index: number): Picture | Promise<Picture>;
}

export interface EncodeOptions {
  readonly processor: Processor;
  /** Pictures at a time. Default 32. */
  readonly batch?: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Looks at each picture once with a frozen encoder and keeps what it saw in memory. */
export async function encodeAll(
  encoder: VisionEncoder,
  pictures: Pictures,
  options: EncodeOptions,
): Promise<FeatureStore> {
  const rows: Uint16Array[] = [];
  let shape: readonly [number, number] = [0, 0];
  for await (const seen of encoded(encoder, pictures, options)) {
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
        if (!row) throw new RangeError(`There is no picture ${place} among ${rows.length}.`);
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
  pictures: Pictures,
  { path, key, ...options }: EncodeOptions & CacheFile,
): Promise<FeatureStore> {
  const cache = (await FeatureCache.open(path, key)) ?? (await write(encoder, pictures, { path, key, ...options }));
  const [N, D] = cache.manifest.shape as [number, number];
  return {
    length: cache.length,
    gather: async (places) => tf.tensor3d(await cache.read(places), [places.length, N, D]),
    close: () => cache.close(),
  };
}

async function write(
  encoder: VisionEncoder,
  pictures: Pictures,
  options: EncodeOptions & CacheFile,
): Promise<FeatureCache> {
  const { path, key } = options;
  const batches = encoded(encoder, pictures, options);
  const first = await batches.next();
  if (first.done) throw new Error('There are no pictures to look at.');
  const waiting = [...first.value.rows];
  const next = async (): Promise<Float32Array> => {
    if (waiting.length === 0) waiting.push(...((await batches.next()).value?.rows ?? []));
    return waiting.shift() as Float32Array;
  };
  const manifest = { key, dtype: 'float16', shape: first.value.shape, length: pictures.length } as const;
  return FeatureCache.write(path, manifest, next);
}

interface Seen {
  /** N and D */
  readonly shape: readonly [number, number];
  /** One a picture, [N,D]. */
  readonly rows: Float32Array[];
}

async function* encoded(
  encoder: VisionEncoder,
  pictures: Pictures,
  options: EncodeOptions,
): AsyncGenerator<Seen, undefined> {
  const { processor, batch = 32, onProgress, signal } = options;
  for (let start = 0; start < pictures.length; start += batch) {
    signal?.throwIfAborted();
    const count = Math.min(batch, pictures.length - start);
    const items = await Promise.all(Array.from({ length: count }, (_, i) => pictures.item(start + i)));
    const features = tf.tidy(() => {
      const ready = items.map((picture) => applyProcessor(picture, processor));
      return encoder.encode(toPixels(ready, processor));
    });
    const values = (await features.data()) as Float32Array;
    const [, N, D] = features.shape;
    features.dispose();
    const rows = Array.from({ length: count }, (_, i) => values.subarray(i * N * D, (i + 1) * N * D));
    yield { shape: [N, D], rows };
    onProgress?.(start + count, pictures.length);
  }
  return undefined;
}
