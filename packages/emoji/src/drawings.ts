import { createHash, randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { defaultCacheDir } from '@blip2/tensor/files';
import sharp from 'sharp';
import { type Emoji, readPackageJson } from './entries.js';
import { drawAll } from './render.js';
import { allVendors, packages, type Vendor } from './vendors.js';

/** A file of one vendor's rasterized drawings, read one at a time. */
export interface Drawings {
  readonly vendor: Vendor;
  /** Width and height in pixels. */
  readonly size: number;
  /** 3 for RGB on white, 4 for RGBA. */
  readonly channels: 3 | 4;
  /** Number of drawings. */
  readonly length: number;
  /** Reads the drawing of an entry, `[size,size,channels]` bytes. */
  read(index: number): Uint8Array;
  /** Closes the file. */
  close(): void;
}

/** Options of {@link renderDrawings}. */
export interface DrawingsOptions {
  /** Vendors whose drawings are rendered. Default: all five. */
  readonly vendors?: readonly Vendor[];
  /** Width and height in pixels. */
  readonly size: number;
  /** 3 for RGB on white, 4 for RGBA. Default 3. */
  readonly channels?: 3 | 4;
  /** Folder of rendered drawings. Default `defaultCacheDir` of `@blip2/tensor/files`. */
  readonly cacheDir?: string;
  /** Called after each drawing that is rendered. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Renders the drawings of emoji by each vendor, or opens them where the cache folder has them. A file is renamed when it
 * is complete, so that an interrupted run leaves none.
 * @throws Error where `size` is not a positive integer
 */
export async function renderDrawings(
  entries: readonly Emoji[],
  options: DrawingsOptions,
): Promise<Map<Vendor, Drawings>> {
  const { vendors = allVendors, size, channels = 3, onProgress } = options;
  if (!Number.isInteger(size) || size < 1)
    throw new Error(`A drawing cannot be ${size} pixels wide: give a whole number above 0.`);
  const folder = options.cacheDir ?? defaultCacheDir();
  mkdirSync(folder, { recursive: true });
  const bytes = size * size * channels;
  const store = new Map<Vendor, Drawings>();
  for (const [s, vendor] of vendors.entries()) {
    const file = join(folder, fileName(entries, vendor, { size, channels }));
    if (!existsSync(file) || statSync(file).size !== bytes * entries.length) {
      let done = s * entries.length;
      await writeDrawings(file, entries, vendor, {
        size,
        channels,
        onDrawing: () => onProgress?.(++done, vendors.length * entries.length),
      });
    }
    store.set(vendor, openDrawings(file, { vendor, size, channels, length: entries.length }));
  }
  onProgress?.(vendors.length * entries.length, vendors.length * entries.length);
  return store;
}

/** Returns a file name that depends on everything that pixels depend on: emoji, package version, renderer, format. */
function fileName(entries: readonly Emoji[], vendor: Vendor, { size, channels }: { size: number; channels: 3 | 4 }) {
  const { version } = readPackageJson<{ version: string }>(`${packages[vendor]}/package.json`);
  const text = JSON.stringify(['v1', version, sharp.versions, entries.map((entry) => entry.vendors[vendor])]);
  const key = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return `emoji-${vendor}-${size}-${key}.${channels === 3 ? 'rgb' : 'rgba'}`;
}

async function writeDrawings(
  file: string,
  entries: readonly Emoji[],
  vendor: Vendor,
  options: { size: number; channels: 3 | 4; onDrawing: () => void },
): Promise<void> {
  const { size, channels, onDrawing } = options;
  const bytes = size * size * channels;
  const partial = `${file}.${randomUUID()}.part`;
  const handle = openSync(partial, 'wx');
  try {
    const write = (index: number, image: Uint8Array) => {
      if (image.length !== bytes)
        throw new Error(
          `A drawing by ${vendor} has ${image.length} bytes instead of ${bytes}: install the pinned versions.`,
        );
      if (writeSync(handle, image, 0, bytes, index * bytes) !== bytes)
        throw new Error(`${partial} could not be written completely: free some disk space.`);
      onDrawing();
    };
    await drawAll(entries, vendor, { size, channels, write });
    closeSync(handle);
    renameSync(partial, file);
  } catch (error) {
    try {
      closeSync(handle);
    } catch {} // already closed where renaming failed
    rmSync(partial, { force: true });
    throw error;
  }
}

function openDrawings(file: string, metadata: Omit<Drawings, 'read' | 'close'>): Drawings {
  const bytes = metadata.size * metadata.size * metadata.channels;
  const handle = openSync(file, 'r');
  const read = (index: number) => {
    if (!(index >= 0 && index < metadata.length))
      throw new RangeError(`${file} has no drawing ${index}: it has ${metadata.length}.`);
    const image = new Uint8Array(bytes);
    if (readSync(handle, image, 0, bytes, index * bytes) !== bytes) throw new Error(`${file} is truncated: delete it.`);
    return image;
  };
  return { ...metadata, read, close: () => closeSync(handle) };
}
