import { resolve, toPath } from '@blip2/tensor/files';
import { openSafetensors, type SafetensorsSource, type TensorEntry, writeSafetensors } from '@blip2/tensor/safetensors';
import { z } from 'zod';
import type { ImageVectors } from './vector-index.js';

const modelSchema = z.strictObject({
  /** The model's folder when the index was written. */
  folder: z.string(),
  fingerprint: z.string(),
  /** Whether the EXIF orientation of images was applied. */
  orient: z.boolean().default(true),
});

const imageSchema = z.strictObject({
  /** The path as it was given. */
  image: z.string(),
  /** Its absolute path. */
  path: z.string(),
  /** Modification time (milliseconds) and size (bytes) of the file when it was encoded. */
  mtime: z.number(),
  size: z.number(),
});

/** The model that an index was made with. */
export type IndexModel = z.infer<typeof modelSchema>;
/** An image of an index: `image`, the path as it was given; its absolute `path`; `mtime` (milliseconds) and `size` (bytes). */
export type IndexedImage = z.infer<typeof imageSchema>;

/** The path by which an image is shown: as it was given where that still leads to it, otherwise the absolute one. */
export const shownName = ({ image, path }: IndexedImage): string => (resolve(image) === path ? image : path);

/** Stored features of the image encoder, in half precision. */
export interface StoredFeatures {
  /** Returns the shape of an image's features. */
  shape(image: number): readonly [N: number, D: number];
  /** Reads the features [N,D] of an image. */
  read(image: number): Promise<Float32Array>;
}

/** An open image index. Close it after use. */
export interface ImageIndex {
  /** The path of the file. */
  readonly path: string;
  readonly model: IndexModel;
  readonly images: readonly IndexedImage[];
  readonly vectors: ImageVectors;
  /** The stored features; absent in an index without them, whose images are encoded again to be re-ranked. */
  readonly features?: StoredFeatures;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Images per tensor of vectors: 32 MiB with 32 queries of width 256. */
const BLOCK = 1024;
const FORMAT = { format: 'blip2-index', version: '1' };

/**
 * Opens an image index and checks its header.
 * @param file a path or a `file:` URL
 * @throws for a file that is not an index, or is damaged
 */
export async function openIndex(file: string | URL): Promise<ImageIndex> {
  const path = toPath(file);
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
  if (metadata.get('format') !== FORMAT.format) throw fail('is not an index of images');
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
  const stored = images.filter((_, i) => names.get(`features.${i}`)?.shape.length === 2).length;
  if (stored > 0 && stored < images.length) throw fail(`is an index in which some images' features are missing`);
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
    ...(stored > 0 && {
      features: {
        shape: (image: number) => names.get(`features.${image}`)!.shape as [number, number],
        read: (image: number) => source.read(`features.${image}`),
      },
    }),
    close: () => source.close(),
  };
}

/** One image of an index that is written; its values are read when they are needed. */
export interface IndexEntry {
  readonly image: IndexedImage;
  /** Reads the vectors [Q,E]. */
  readonly vectors: () => Promise<Float32Array>;
  readonly features?: { readonly shape: readonly number[]; readonly values: () => Promise<Float32Array> };
}

/** The contents of an index that is written. */
export interface IndexContent {
  readonly model: IndexModel;
  readonly entries: readonly IndexEntry[];
  readonly queries: number;
  readonly width: number;
}

/** Writes an index as a whole or not at all. */
export async function writeIndex(path: string, { model, entries, queries, width }: IndexContent): Promise<void> {
  const tensors: TensorEntry[] = [];
  for (let start = 0; start < entries.length; start += BLOCK) {
    const block = entries.slice(start, start + BLOCK);
    const data = async (): Promise<Float32Array> => {
      const values = new Float32Array(block.length * queries * width);
      for (const [i, { vectors }] of block.entries()) values.set(await vectors(), i * queries * width);
      return values;
    };
    const name = `vectors.${start / BLOCK}`;
    tensors.push({ name, shape: [block.length, queries, width], dtype: 'F32', data });
  }
  for (const [i, { features }] of entries.entries()) {
    if (features) tensors.push({ name: `features.${i}`, shape: features.shape, dtype: 'F16', data: features.values });
  }
  const images = entries.map(({ image }) => image);
  const metadata = { ...FORMAT, model: JSON.stringify(model), images: JSON.stringify(images) };
  await writeSafetensors(path, tensors, { metadata });
}
