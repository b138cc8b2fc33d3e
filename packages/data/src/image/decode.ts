import { platform } from '#platform';
import { checkImage, type DecodedImage, type DecodeOptions, type ImageSource, isDecodedImage } from './image.js';

/**
 * Decodes an image to 8-bit RGB as Pillow's `Image.open(...).convert('RGB')` does: color profiles are ignored,
 * alpha is dropped (or laid on `background`), gray and CMYK become RGB, 16 bits become 8 (the high byte). A decoded
 * image passes through. Node decodes with sharp, a browser with `createImageBitmap` without color conversion.
 *
 * Throws where a file is missing, is no image, or has more than `maxPixels`.
 */
export async function decodeImage(source: ImageSource, options: DecodeOptions = {}): Promise<DecodedImage> {
  if (typeof source === 'string' || 'href' in source) {
    const path = platform.locate(source);
    const bytes = await platform.readBytes(path);
    if (!bytes) throw new Error(`There is no image at "${path}": check the path.`);
    return platform.decode(bytes, `"${path}"`, options);
  }
  if (isDecodedImage(source)) return checkImage(source);
  if (ArrayBuffer.isView(source)) return platform.decode(source, 'An image given as bytes', options);
  const bytes = new Uint8Array(await source.arrayBuffer());
  const name = 'name' in source ? `"${String(source.name)}"` : 'An image given as a Blob';
  return platform.decode(bytes, name, options);
}

/** Encodes an image as the bytes of a PNG file. */
export function encodePng(image: DecodedImage): Promise<Uint8Array> {
  return platform.encodePng(checkImage(image));
}
