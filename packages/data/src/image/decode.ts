import { isLfsPointer, LFS_PROBLEM, LFS_REMEDY } from '@blip2/tensor';
import { platform } from '#platform';
import { decodeBmp, isBmp } from './formats/bmp.js';
import { decodeGif, isGif } from './formats/gif.js';
import { checkImage, type DecodedImage, type DecodeOptions, type ImageSource, isDecodedImage } from './image.js';

/**
 * Decodes an image to 8-bit RGB as transformers' `load_image` does with Pillow: the EXIF orientation is applied, color
 * profiles are ignored, alpha is dropped, gray and CMYK become RGB, and of animations the first frame is returned. Of 16
 * bits the high byte is kept, also for gray, where Pillow clips at 255. A decoded image is returned as it is. Node decodes
 * with sharp, browsers with `createImageBitmap`; GIF and BMP are decoded here.
 * @throws Error where a file is missing, is not an image, is truncated, or has more than `maxPixels` pixels
 */
export async function decodeImage(source: ImageSource, options: DecodeOptions = {}): Promise<DecodedImage> {
  if (typeof source === 'string' || 'href' in source) {
    const path = platform.locate(source);
    const bytes = await platform.readBytes(path);
    if (!bytes) throw new Error(`There is no image at "${path}": check the path.`);
    return decodeBytes(bytes, `"${path}"`, options);
  }
  if (isDecodedImage(source)) return checkImage(source);
  if (ArrayBuffer.isView(source)) return decodeBytes(source, 'An image given as bytes', options);
  const bytes = new Uint8Array(await source.arrayBuffer());
  const name = 'name' in source ? `"${String(source.name)}"` : 'An image given as a Blob';
  return decodeBytes(bytes, name, options);
}

async function decodeBytes(bytes: Uint8Array, name: string, options: DecodeOptions): Promise<DecodedImage> {
  if (isLfsPointer(bytes)) throw new Error(`${name}: ${LFS_PROBLEM}; ${LFS_REMEDY}.`);
  if (isGif(bytes)) return decodeGif(bytes, name, options);
  return isBmp(bytes) ? decodeBmp(bytes, name, options) : platform.decode(bytes, name, options);
}

/** Encodes an image as a `data:` URL of a PNG file. */
export async function pngDataUrl(image: DecodedImage): Promise<string> {
  const bytes = await encodePng(image);
  let text = '';
  for (let at = 0; at < bytes.length; at += CHARACTERS) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHARACTERS));
  }
  return `data:image/png;base64,${btoa(text)}`;
}

/** Arguments of one call at most. */
const CHARACTERS = 2 ** 13;

/** Encodes an image as the bytes of a PNG file. */
export function encodePng(image: DecodedImage): Promise<Uint8Array> {
  return platform.encodePng(checkImage(image));
}
