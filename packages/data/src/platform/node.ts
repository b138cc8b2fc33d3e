import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Metadata, Sharp } from 'sharp';
import { checkPixels, type DecodedImage, type DecodeOptions } from '../image/image.js';
import { cmykToRgb } from './cmyk.js';
import type { Platform, RecordFiles } from './platform.js';

/** Imports sharp when the first image is decoded: who only tokenizes does not need it. */
async function loadSharp() {
  return (await import('sharp')).default;
}

/** Returns a field of a thrown value; `instanceof Error` fails across realms. */
function field(reason: unknown, key: 'code' | 'message'): unknown {
  return typeof reason === 'object' && reason !== null ? Reflect.get(reason, key) : undefined;
}

async function checkSize(path: string, maxBytes: number): Promise<void> {
  const found = await stat(path);
  if (found.isDirectory()) return; // reading it reports that
  if (!found.isFile()) throw new Error(`${path} is not a regular file: replace it with the model's file.`);
  if (found.size > maxBytes) {
    throw new Error(`${path} has ${found.size} bytes, more than ${maxBytes}: replace it with the model's file.`);
  }
}

function unreadable(name: string, reason: unknown): Error {
  const detail = String(field(reason, 'message') ?? reason).split('\n')[0];
  return new Error(
    `${name} is not an image that can be read (${detail}): give a JPEG, PNG, WebP, GIF, AVIF or TIFF file.`,
  );
}

async function raw(image: Sharp, metadata: Metadata, options: DecodeOptions): Promise<DecodedImage> {
  const cmyk = metadata.space === 'cmyk';
  let pipeline = image;
  if (options.orient) pipeline = pipeline.autoOrient();
  if (cmyk) pipeline = pipeline.pipelineColorspace('cmyk').toColorspace('cmyk');
  else {
    const [r, g, b] = options.background ?? [0, 0, 0];
    if (options.background && metadata.hasAlpha) pipeline = pipeline.flatten({ background: { r, g, b } });
    pipeline = pipeline.toColorspace('srgb').removeAlpha();
  }
  const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return { width: info.width, height: info.height, data: cmyk ? cmykToRgb(bytes) : bytes };
}

const files: RecordFiles = {
  async create(path) {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'w');
    return {
      async append(bytes) {
        await handle.writeFile(bytes);
      },
      async close() {
        await handle.sync();
        await handle.close();
      },
    };
  },
  async open(path) {
    const handle = await open(path, 'r');
    const { size } = await handle.stat();
    return {
      size,
      async read(into, offset) {
        for (let at = 0; at < into.length; ) {
          const { bytesRead } = await handle.read(into, at, into.length - at, offset + at);
          if (bytesRead === 0)
            throw new Error(
              `${path} ends at byte ${offset + at}, in the middle of a record: delete it and compute it again.`,
            );
          at += bytesRead;
        }
      },
      close: () => handle.close(),
    };
  },
  rename,
  write: (path, bytes) => writeFile(path, bytes),
  remove: (path) => rm(path, { force: true }),
};

export const platform: Platform = {
  async decode(bytes, name, options) {
    const sharp = await loadSharp();
    // Pillow ignores color profiles; the limit is checked below, with a message of our own
    let image: Sharp;
    let metadata: Metadata;
    try {
      image = sharp(bytes, { ignoreIcc: true, limitInputPixels: false });
      metadata = await image.metadata();
    } catch (reason) {
      throw unreadable(name, reason);
    }
    checkPixels(name, metadata.width, metadata.height, options.maxPixels);
    try {
      return await raw(image, metadata, options);
    } catch (reason) {
      throw unreadable(name, reason);
    }
  },

  async encodePng({ width, height, data }) {
    const sharp = await loadSharp();
    return new Uint8Array(
      await sharp(data, { raw: { width, height, channels: 3 } })
        .png()
        .toBuffer(),
    );
  },

  locate(source) {
    if (typeof source === 'string') return source;
    if (source.protocol === 'file:') return fileURLToPath(source);
    throw new Error(`${source.href} is not a file URL: download the file and give its path.`);
  },

  async readBytes(path, maxBytes) {
    try {
      if (maxBytes !== undefined) await checkSize(path, maxBytes);
      return await readFile(path);
    } catch (reason) {
      const code = field(reason, 'code');
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      if (code === 'EISDIR') throw new Error(`"${path}" is a folder, not a file: give the path of a file in it.`);
      throw reason;
    }
  },

  join,
  files,
};
