import type { Metadata, Sharp } from 'sharp';
import { cmykToRgb, composite, ycbcrToRgb } from '../image/formats/color.js';
import { isJpeg, repairJpeg } from '../image/formats/jpeg.js';
import { orient, profileOrientation, xmpOrientation } from '../image/formats/orientation.js';
import { tiffTags } from '../image/formats/tiff.js';
import { checkPixels, type DecodedImage, type DecodeOptions } from '../image/image.js';

/** Imports sharp when the first image is decoded: who only tokenizes does not need it. */
async function loadSharp() {
  return (await import('sharp')).default;
}

/** Warnings of libjpeg about files whose pixels are complete. */
const HARMLESS = /extraneous bytes before marker|unknown JFIF revision|unknown Adobe color transform|bad ICC marker/i;

/** TIFF compressions that libvips has: others would be warnings that leave pixels black. */
const DECODABLE: readonly number[] = [1, 2, 3, 4, 5, 7, 8, 32773, 32946];

/** Decodes an image with libvips to what Pillow returns; see `decodeImage`. */
export async function decodeWithSharp(bytes: Uint8Array, name: string, options: DecodeOptions): Promise<DecodedImage> {
  const sharp = await loadSharp();
  const file = isJpeg(bytes) ? repairJpeg(bytes) : bytes;
  const open = (failOn: 'warning' | 'error'): Sharp =>
    sharp(file, { ignoreIcc: true, limitInputPixels: false, failOn });
  let metadata: Metadata;
  try {
    metadata = await open('warning').metadata();
  } catch (reason) {
    throw unreadable(name, reason);
  }
  checkPixels(name, metadata.width, metadata.height, options.maxPixels);
  if (metadata.depth === 'char' || metadata.depth === 'short') {
    throw new Error(`${name} has signed pixel values, which are not supported: save it as PNG.`);
  }
  const ycbcr = metadata.format === 'tiff' && isYcbcr(bytes, name);
  let decoded: DecodedImage;
  try {
    decoded = await readPixels(open('warning'), metadata, options).catch((reason: unknown) => {
      if (!isHarmless(bytes, metadata, messageOf(reason))) throw reason;
      return readPixels(open('error'), metadata, options);
    });
  } catch (reason) {
    throw unreadable(name, reason);
  }
  if (ycbcr) decoded = { ...decoded, data: ycbcrToRgb(decoded.data) };
  return orient(decoded, orientationOf(bytes, metadata, options));
}

/** Whether a warning leaves pixels complete, so that decoding may be repeated without regard to warnings. */
function isHarmless(bytes: Uint8Array, { format }: Metadata, message: string): boolean {
  if (format === 'tiff')
    return message.startsWith('Warning treated as error') && DECODABLE.includes(tiffTags(bytes).compression);
  return format === 'jpeg' && HARMLESS.test(message);
}

/** Encodes an image as PNG. */
export async function encodePngWithSharp({ width, height, data }: DecodedImage): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const image = sharp(data, { raw: { width, height, channels: 3 } });
  return new Uint8Array(await image.png().toBuffer());
}

async function readPixels(image: Sharp, metadata: Metadata, options: DecodeOptions): Promise<DecodedImage> {
  const cmyk = metadata.space === 'cmyk';
  const background = metadata.hasAlpha && !cmyk ? options.background : undefined;
  let pipeline = image;
  if (cmyk) pipeline = pipeline.pipelineColorspace('cmyk').toColorspace('cmyk');
  else {
    pipeline = pipeline.toColorspace('srgb');
    pipeline = background ? pipeline.ensureAlpha() : pipeline.removeAlpha();
  }
  const wide = cmyk && metadata.depth === 'ushort';
  const output = pipeline.raw({ depth: wide ? 'ushort' : 'uchar' });
  const { data, info } = await output.toBuffer({ resolveWithObject: true });
  const stored = new Uint8Array(data.buffer, data.byteOffset, data.length);
  const bytes = wide ? stored.filter((_, i) => i % 2 === 1) : stored; // high bytes
  const rgb = cmyk ? cmykToRgb(bytes) : background ? composite(bytes, background) : bytes;
  return { width: info.width, height: info.height, data: rgb };
}

const YCBCR = 6;
const OLD_JPEG = 6;
const JPEG = 7;

/** Whether pixels are YCbCr that libvips returns as they are. @throws Error where their chroma is subsampled */
function isYcbcr(bytes: Uint8Array, name: string): boolean {
  const { photometric, compression, subsampling, planar } = tiffTags(bytes);
  if (photometric !== YCBCR || compression === OLD_JPEG || compression === JPEG) return false;
  if (subsampling[0] === 1 && subsampling[1] === 1 && planar === 1) return true;
  throw new Error(`${name} is a TIFF file with subsampled YCbCr, which is not supported: save it as PNG.`);
}

/**
 * Returns the orientation from 1 to 8 that is to be applied: that of EXIF, else of XMP, as in Pillow. Pillow applies that of
 * TIFF files itself, and libvips that of AVIF and HEIF files.
 */
function orientationOf(bytes: Uint8Array, metadata: Metadata, { orient = true }: DecodeOptions): number {
  const { format, orientation, xmpAsString = '', comments } = metadata;
  if (format === 'tiff') return tiffTags(bytes).orientation ?? xmpOrientation(xmpAsString) ?? 1;
  if (format === 'heif' || !orient) return 1;
  const profile = comments?.find(({ keyword }) => keyword === 'Raw profile type exif')?.text ?? '';
  return orientation ?? profileOrientation(profile) ?? xmpOrientation(xmpAsString) ?? 1;
}

function messageOf(reason: unknown): string {
  return String(typeof reason === 'object' && reason !== null ? Reflect.get(reason, 'message') : reason);
}

function unreadable(name: string, reason: unknown): Error {
  const detail = messageOf(reason).split('\n')[0];
  return new Error(
    `${name} is not an image that can be read (${detail}): give a JPEG, PNG, WebP, GIF, BMP, AVIF or TIFF file.`,
  );
}
