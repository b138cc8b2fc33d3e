import { createHash, randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Emoji, readPackageJson } from './entries.js';
import { drawAll } from './render.js';
import { allVendors, packages, type Vendor } from './vendors.js';

/** Drawings of one vendor in a file, read one at a time: nothing of it stays in memory. */
export interface Drawings {
  readonly vendor: Vendor;
  readonly size: number;
  readonly channels: 3 | 4;
  readonly length: number;
  /** The drawing of the i-th entry, `[size,size,channels]` bytes. */
  read(index: number): Uint8Array;
  close(): void;
}

export interface DrawingsOptions {
  readonly vendors?: readonly Vendor[];
  readonly size: number;
  readonly channels?: 3 | 4;
  /** Default: `BLIP2_CACHE`, else `blip2` in the user's cache folder. */
  readonly cacheDir?: string;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Where rendered images are kept: `BLIP2_CACHE`, else `$XDG_CACHE_HOME/blip2`, else `~/.cache/blip2`. */
export function defaultCacheDir(): string {
  return process.env.BLIP2_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'blip2');
}

/**
 * The drawings of `entries` by each vendor, rendered once and kept in the cache folder; a file is written under another
 * name and renamed, so that a killed run leaves none half-written. RGB is on white.
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

/** A name that changes with whatever changes a pixel: the emoji, the vendor's version, the renderer's, the format. */
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
        throw new Error(`${vendor} drew ${image.length} bytes where ${bytes} were asked for.`);
      if (writeSync(handle, image, 0, bytes, index * bytes) !== bytes)
        throw new Error(`${partial} could not be written: free some disk space.`);
      onDrawing();
    };
    await drawAll(entries, vendor, { size, channels, write });
    closeSync(handle);
    renameSync(partial, file);
  } catch (error) {
    try {
      closeSync(handle);
    } catch {} // closed already when the rename failed
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
