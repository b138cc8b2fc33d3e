import { float16ToFloat32, float32ToFloat16 } from '@blip2/tensor/safetensors';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { platform } from '#platform';

/** Types in which a {@link FeatureCache} stores values. */
export type CacheDtype = 'float32' | 'float16' | 'uint8';

/** Metadata of a {@link FeatureCache}, stored beside it as `<path>.json`. */
export interface CacheManifest {
  /** Identifies what the records were computed from; see {@link cacheKey}. */
  readonly key: string;
  /** Type in which values are stored. */
  readonly dtype: CacheDtype;
  /** Shape of one record. */
  readonly shape: readonly number[];
  /** Number of records. */
  readonly length: number;
}

const BYTES: Readonly<Record<CacheDtype, number>> = { uint8: 1, float16: 2, float32: 4 };

const sizeOf = ({ shape, dtype }: Pick<CacheManifest, 'shape' | 'dtype'>): number =>
  shape.reduce((product, side) => product * side, BYTES[dtype]);

/**
 * Computes a cache key that changes with anything in `parts`, such as a hash of weights, a processor and file names.
 * @returns the SHA-256 of their JSON in hexadecimal
 */
export async function cacheKey(...parts: readonly unknown[]): Promise<string> {
  return bytesToHex(sha256(new TextEncoder().encode(JSON.stringify(parts)))); // pages without https have no WebCrypto
}

/** A file of records of equal shape, read by index: image features or pixels that are computed once. Node only. */
export class FeatureCache {
  private constructor(
    readonly manifest: CacheManifest,
    private readonly reader: Awaited<ReturnType<typeof platform.files.open>>,
  ) {}

  /**
   * Opens a complete cache.
   * @param file path or `file:` URL
   * @returns undefined where there is no cache, or its key differs
   * @throws Error where the file and its manifest disagree
   */
  static async open(file: string | URL, key: string): Promise<FeatureCache | undefined> {
    const path = platform.locate(file);
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
   * Writes a cache and opens it. The file is renamed when it is complete, so that an interrupted run leaves none.
   * @param file path or `file:` URL
   * @param record returns the record of an index
   * @throws Error where a record's size differs from the manifest's `shape`
   */
  static async write(
    file: string | URL,
    manifest: CacheManifest,
    record: (index: number) => ArrayLike<number> | Promise<ArrayLike<number>>,
  ): Promise<FeatureCache> {
    const path = platform.locate(file);
    const temporary = `${path}.partial`;
    await platform.files.remove(`${path}.json`);
    const writer = await platform.files.create(temporary);
    try {
      for (let i = 0; i < manifest.length; i++) {
        const bytes = encodeRecord(await record(i), manifest.dtype);
        if (bytes.length !== sizeOf(manifest)) {
          throw new Error(
            `Record ${i} has ${bytes.length / BYTES[manifest.dtype]} values instead of shape [${manifest.shape}]: return complete records.`,
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

  /** Number of records. */
  get length(): number {
    return this.manifest.length;
  }

  /**
   * Reads records by index, converted to float32, in one array of shape `[indices, ...shape]`.
   * @throws RangeError for an index outside the cache
   */
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

  /** Reads every record, converted to float32, in one array of shape `[length, ...shape]`. */
  async readAll(): Promise<Float32Array> {
    const bytes = new Uint8Array(this.length * sizeOf(this.manifest));
    await this.reader.read(bytes, 0);
    return decodeRecord(bytes, this.manifest.dtype);
  }

  /** Closes the file; the cache cannot be read afterwards. */
  close(): Promise<void> {
    return this.reader.close();
  }
}

/** Converts values to bytes in the byte order of the machine, little-endian wherever Node runs. */
function encodeRecord(values: ArrayLike<number>, dtype: CacheDtype): Uint8Array {
  if (dtype === 'uint8') return Uint8Array.from(values);
  const floats = Float32Array.from(values);
  return new Uint8Array(dtype === 'float16' ? float32ToFloat16(floats).buffer : floats.buffer);
}

/** Converts bytes, which must fill their buffer, to float32 values. */
function decodeRecord(bytes: Uint8Array, dtype: CacheDtype): Float32Array {
  if (dtype === 'uint8') return Float32Array.from(bytes);
  if (dtype === 'float32') return new Float32Array(bytes.buffer);
  const values = new Float32Array(bytes.length / 2);
  float16ToFloat32(new Uint16Array(bytes.buffer), values);
  return values;
}
