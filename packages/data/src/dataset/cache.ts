import { platform } from '#platform';
import { type CacheDtype, decodeRecord, encodeRecord } from './record.js';

/** What a cache file holds; written beside it as `<path>.json`. */
export interface CacheManifest {
  /** Says what the records were computed from; see {@link cacheKey}. */
  readonly key: string;
  readonly dtype: CacheDtype;
  /** Of one record. */
  readonly shape: readonly number[];
  readonly length: number;
}

const BYTES: Readonly<Record<CacheDtype, number>> = { uint8: 1, float16: 2, float32: 4 };

const sizeOf = ({ shape, dtype }: Pick<CacheManifest, 'shape' | 'dtype'>): number =>
  shape.reduce((product, side) => product * side, BYTES[dtype]);

/** A key that changes with anything in `parts` (weights' hash, processor, files' names): SHA-256 of their JSON. */
export async function cacheKey(...parts: readonly unknown[]): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(parts));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Records of one size in a file, read by number: image features or pixels that are computed once. Node only. */
export class FeatureCache {
  private constructor(
    readonly manifest: CacheManifest,
    private readonly reader: Awaited<ReturnType<typeof platform.files.open>>,
  ) {}

  /** Opens a finished cache. Undefined where there is none, or one of another key: compute it then. */
  static async open(path: string, key: string): Promise<FeatureCache | undefined> {
    const bytes = await platform.readBytes(`${path}.json`);
    if (!bytes) return undefined;
    const manifest: CacheManifest = JSON.parse(new TextDecoder().decode(bytes));
    if (manifest.key !== key) return undefined;
    const reader = await platform.files.open(path);
    const expected = sizeOf(manifest) * manifest.length;
    if (reader.size !== expected) {
      await reader.close();
      throw new Error(`${path} has ${reader.size} bytes and its manifest says ${expected}: delete both files.`);
    }
    return new FeatureCache(manifest, reader);
  }

  /**
   * Writes a cache and opens it. Records go to a temporary name first, so that a cache that was cut off does not
   * count. Throws where a record has another size than `shape` says.
   */
  static async write(
    path: string,
    manifest: CacheManifest,
    record: (index: number) => ArrayLike<number> | Promise<ArrayLike<number>>,
  ): Promise<FeatureCache> {
    const temporary = `${path}.partial`;
    await platform.files.remove(`${path}.json`);
    const writer = await platform.files.create(temporary);
    try {
      for (let i = 0; i < manifest.length; i++) {
        const bytes = encodeRecord(await record(i), manifest.dtype);
        if (bytes.length !== sizeOf(manifest)) {
          throw new Error(
            `Record ${i} has ${bytes.length / BYTES[manifest.dtype]} values instead of [${manifest.shape}]: give each record whole.`,
          );
        }
        await writer.append(bytes);
      }
    } catch (reason) {
      await writer.close();
      await platform.files.remove(temporary);
      throw reason;
    }
    await writer.close();
    await platform.files.rename(temporary, path);
    await platform.files.write(`${path}.json.partial`, new TextEncoder().encode(`${JSON.stringify(manifest)}\n`));
    await platform.files.rename(`${path}.json.partial`, `${path}.json`);
    const cache = await FeatureCache.open(path, manifest.key);
    if (!cache)
      throw new Error(`${path} was overwritten while it was being written: let one process at a time write it.`);
    return cache;
  }

  get length(): number {
    return this.manifest.length;
  }

  /** The records of these numbers one after the other, `[indices, ...shape]`, widened to float32. */
  async read(indices: ArrayLike<number>): Promise<Float32Array> {
    const size = sizeOf(this.manifest);
    const bytes = new Uint8Array(indices.length * size);
    for (let i = 0; i < indices.length; i++) {
      const index = indices[i]!;
      if (!(index >= 0 && index < this.length)) {
        throw new RangeError(`There is no record ${index} among ${this.length}: count from zero.`);
      }
      await this.reader.read(bytes.subarray(i * size, (i + 1) * size), index * size);
    }
    return decodeRecord(bytes, this.manifest.dtype);
  }

  /** Every record, `[length, ...shape]`, in one array. */
  async readAll(): Promise<Float32Array> {
    const bytes = new Uint8Array(this.length * sizeOf(this.manifest));
    await this.reader.read(bytes, 0);
    return decodeRecord(bytes, this.manifest.dtype);
  }

  close(): Promise<void> {
    return this.reader.close();
  }
}
