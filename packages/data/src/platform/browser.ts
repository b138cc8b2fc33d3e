import {
  createFile,
  dirname,
  fileStatus,
  isMounted,
  join,
  makeFolder,
  openFile,
  readBytes,
  removePath,
  renamePath,
  writeBytes,
} from '@blip2/tensor/files';
import { decodePng, isChangedByCanvas } from '../image/formats/png.js';
import { checkPixels, type DecodedImage, type DecodeOptions } from '../image/image.js';
import type { Platform, RecordFiles } from './platform.js';
import { pngPixels } from './png-pixels.js';

/**
 * Reads a bitmap's pixels through a canvas, which keeps the colors of partly transparent pixels only approximately: of WebP and AVIF, as
 * PNG files with such pixels are decoded here.
 */
function rgbOf(bitmap: ImageBitmap, background: DecodeOptions['background']): DecodedImage {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { colorSpace: 'srgb', willReadFrequently: true });
  if (!context)
    throw new Error('This browser has no 2D OffscreenCanvas, which decoding an image needs: use a newer browser.');
  if (background) {
    context.fillStyle = `rgb(${background.join(' ')})`;
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(bitmap, 0, 0);
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(width * height * 3);
  for (let p = 0; p < width * height; p++) {
    data[3 * p] = rgba[4 * p]!;
    data[3 * p + 1] = rgba[4 * p + 1]!;
    data[3 * p + 2] = rgba[4 * p + 2]!;
  }
  return { width, height, data };
}

/** @throws for a path that is not in a mounted folder */
function expectMounted(path: string): void {
  if (isMounted(path)) return;
  throw new Error(
    `Features cannot be cached at '${path}' in a browser: give a path in a mounted folder, or keep them in memory.`,
  );
}

const files: RecordFiles = {
  async create(path) {
    expectMounted(path);
    await makeFolder(dirname(path));
    const file = await createFile(path);
    return {
      append: (bytes) => file.write(bytes),
      async close() {
        await file.finish();
        await file.commit();
      },
    };
  },
  async open(path) {
    expectMounted(path);
    const source = await openFile(path);
    return {
      size: source.size,
      async read(into, offset) {
        const bytes = await source.read(offset, into.length);
        if (bytes.length < into.length) {
          throw new Error(`${path} ends in the middle of a record: delete it and compute it again.`);
        }
        into.set(bytes);
      },
      close: () => source.close(),
    };
  },
  rename: renamePath,
  write: writeBytes,
  remove: async (path) => {
    expectMounted(path);
    await removePath(path);
  },
};

/** Reads a file of a mounted folder. */
async function readMounted(path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  const found = await fileStatus(path).catch((error: { code?: string }) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (!found) return undefined;
  if (found.kind !== 'file') throw new Error(`"${path}" is a folder, not a file: give the path of a file in it.`);
  if (found.size <= maxBytes) return readBytes(path);
  throw new Error(`${path} has ${found.size} bytes, more than ${maxBytes}: replace it with the model's file.`);
}

export const platform: Platform = {
  async decode(bytes, name, options) {
    if (isChangedByCanvas(bytes)) return decodePng(bytes, name, options);
    let bitmap: ImageBitmap;
    try {
      bitmap = await createImageBitmap(new Blob([new Uint8Array(bytes)]), {
        colorSpaceConversion: 'none',
        premultiplyAlpha: 'none',
        imageOrientation: (options.orient ?? true) ? 'from-image' : 'none',
      });
    } catch {
      throw new Error(
        `${name} is not an image that can be read by this browser: give a JPEG, PNG, WebP, GIF, BMP or AVIF file.`,
      );
    }
    try {
      checkPixels(name, bitmap.width, bitmap.height, options.maxPixels);
      const stored = options.background ? undefined : await pngPixels(bytes).catch(() => undefined);
      if (stored) return stored;
      return rgbOf(bitmap, options.background);
    } finally {
      bitmap.close();
    }
  },

  async encodePng({ width, height, data }) {
    const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
    for (let p = 0; p < width * height; p++) rgba.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext('2d')?.putImageData(new ImageData(rgba, width, height), 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    return new Uint8Array(await blob.arrayBuffer());
  },

  locate: (source) => (typeof source === 'string' ? source : source.href),

  async readBytes(url, maxBytes = Number.POSITIVE_INFINITY) {
    if (isMounted(url)) return readMounted(url, maxBytes);
    const response = await fetch(url);
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`${url} responded ${response.status} ${response.statusText}: check the address.`);
    const announced = Number(response.headers.get('content-length') ?? 0);
    const bytes = announced > maxBytes ? undefined : new Uint8Array(await response.arrayBuffer());
    if (bytes && bytes.length <= maxBytes) return bytes;
    throw new Error(
      `${url} has ${bytes?.length ?? announced} bytes, more than ${maxBytes}: replace it with the model's file.`,
    );
  },

  join,
  files,
};
