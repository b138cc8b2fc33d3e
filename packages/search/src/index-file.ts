import { openSafetensors, type SafetensorsSource, type TensorEntry, writeSafetensors } from '@blip2/tensor/safetensors';
import { z } from 'zod';
import type { ImageVectors } from './vector-index.js';

const modelSchema = z.strictObject({
  /** Where it lay when the index was made. */
  folder: z.string(),
  fingerprint: z.string(),
});

const imageSchema = z.strictObject({
  /** As it was named. */
  image: z.string(),
  /** Its absolute path. */
  path: z.string(),
  /** Of the file when it was looked at: milliseconds and bytes. */
  mtime: z.number(),
  size: z.number(),
});

export type IndexModel = z.infer<typeof modelSchema>;
export type IndexedImage = z.infer<typeof imageSchema>;

/** What the image encoder saw of each image, in half precision. */
export interface KeptFeatures {
  shape(place: number): readonly [N: number, D: number];
  /** [N,D] */
  read(place: number): Promise<Float32Array>;
}

/** Images made ready to be searched, in a file. Close it after use. */
export interface ImageIndex {
  readonly path: string;
  readonly model: IndexModel;
  readonly images: readonly IndexedImage[];
  readonly vectors: ImageVectors;
  /** Where they were kept: matching then needs the images no more. */
  readonly features?: KeptFeatures;
  close(): Promise<void>;
}

/** Images in one tensor of vectors: 32 MiB of them with 32 queries of width 256. */
const BLOCK = 1024;
const FORMAT = { format: 'blip2-index', version: '1' };

/** Opens an index; its header is checked whole. @throws for a file that is no index, or a damaged one */
export async function openIndex(path: string): Promise<ImageIndex> {
  const source = await openSafetensors(path);
  try {
    return read(source, path);
  } catch (error) {
    await source.close();
    throw error;
  }
}

function read(source: SafetensorsSource, path: string): ImageIndex {
  const fail = (what: string): Error => new Error(`'${path}' ${what}; make it again with 'blip2 index'.`);
  const { metadata, names } = source;
  if (metadata.get('format') !== FORMAT.format) throw fail('is no index of images');
  if (metadata.get('version') !== FORMAT.version) throw fail('is an index of another version');
  const parse = <T>(schema: z.ZodType<T>, key: string): T => {
    try {
      return schema.parse(JSON.parse(metadata.get(key) ?? ''));
    } catch {
      throw fail(`is an index whose '${key}' cannot be read`);
    }
  };
  const model = parse(modelSchema, 'model');
  const images = parse(z.array(imageSchema).min(1), 'images');
  const [, queries = 0, width = 0] = names.get('vectors.0')?.shape ?? [];
  const blocks = Math.ceil(images.length / BLOCK);
  for (let i = 0; i < blocks; i++) {
    const wanted = [Math.min(BLOCK, images.length - i * BLOCK), queries, width];
    const { shape, dtype } = names.get(`vectors.${i}`) ?? { shape: [] };
    const fits = dtype === 'F32' && shape.join() === wanted.join() && queries * width > 0;
    if (!fits) throw fail(`is an index whose vectors do not fit its ${images.length} images`);
  }
  const kept = images.filter((_, i) => names.get(`features.${i}`)?.shape.length === 2).length;
  if (kept > 0 && kept < images.length) throw fail(`is an index in which some images' features are missing`);
  return {
    path,
    model,
    images,
    vectors: {
      length: images.length,
      queries,
      width,
      blockSize: BLOCK,
      block: (i) => source.read(`vectors.${i}`),
    },
    ...(kept > 0 && {
      features: {
        shape: (place: number) => names.get(`features.${place}`)!.shape as [number, number],
        read: (place: number) => source.read(`features.${place}`),
      },
    }),
    close: () => source.close(),
  };
}

/** One image of an index that is about to be written; values are asked for when their turn comes. */
export interface IndexEntry {
  readonly image: IndexedImage;
  /** [Q,E] */
  readonly vectors: () => Promise<Float32Array>;
  readonly features?: { readonly shape: readonly number[]; readonly values: () => Promise<Float32Array> };
}

export interface IndexContent {
  readonly model: IndexModel;
  readonly entries: readonly IndexEntry[];
  readonly queries: number;
  readonly width: number;
}

/** Writes an index whole or not at all. */
export async function writeIndex(path: string, { model, entries, queries, width }: IndexContent): Promise<void> {
  const tensors: TensorEntry[] = [];
  for (let start = 0; start < entries.length; start += BLOCK) {
    const some = entries.slice(start, start + BLOCK);
    const data = async (): Promise<Float32Array> => {
      const values = new Float32Array(some.length * queries * width);
      for (const [i, { vectors }] of some.entries()) values.set(await vectors(), i * queries * width);
      return values;
    };
    const name = `vectors.${start / BLOCK}`;
    tensors.push({ name, shape: [some.length, queries, width], dtype: 'F32', data });
  }
  for (const [i, { features }] of entries.entries()) {
    if (features) tensors.push({ name: `features.${i}`, shape: features.shape, dtype: 'F16', data: features.values });
  }
  const images = entries.map(({ image }) => image);
  const metadata = { ...FORMAT, model: JSON.stringify(model), images: JSON.stringify(images) };
  await writeSafetensors(path, tensors, { metadata });
}
