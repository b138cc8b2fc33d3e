import { platform } from '#platform';
import { checkPicture, type DecodeOptions, isPicture, type Picture, type PictureSource } from './picture.js';

/**
 * Decodes a picture to 8-bit RGB as Pillow's `Image.open(...).convert('RGB')` does: colour profiles are ignored,
 * alpha is dropped (or laid on `background`), grey and CMYK become RGB, 16 bits become 8 (the high byte). A decoded
 * picture passes through. Node decodes with sharp, a browser with `createImageBitmap` without colour conversion.
 *
 * Throws where a file is missing, is no picture, or has more than `maxPixels`.
 */
export async function decodePicture(source: PictureSource, options: DecodeOptions = {}): Promise<Picture> {
  if (typeof source === 'string') {
    const bytes = await platform.readBytes(source);
    if (!bytes) throw new Error(`There is no picture at "${source}": check the path.`);
    return platform.decode(bytes, `"${source}"`, options);
  }
  if (isPicture(source)) return checkPicture(source);
  if (ArrayBuffer.isView(source)) return platform.decode(source, 'A picture given as bytes', options);
  const bytes = new Uint8Array(await source.arrayBuffer());
  const name = 'name' in source ? `"${String(source.name)}"` : 'A picture given as a Blob';
  return platform.decode(bytes, name, options);
}

/** A picture as the bytes of a PNG file. */
export function encodePng(picture: Picture): Promise<Uint8Array> {
  return platform.encodePng(checkPicture(picture));
}
