import type { DecodedImage } from '../image.js';
import { tiffTags } from './tiff.js';

/**
 * Rotates and flips an image as an EXIF orientation from 1 to 8 prescribes, as Pillow's `ImageOps.exif_transpose`. Other
 * values leave it as it is.
 */
export function orient(image: DecodedImage, orientation: number): DecodedImage {
  if (!(orientation >= 2 && orientation <= 8)) return image;
  const transposed = orientation >= 5;
  const [width, height] = transposed ? [image.height, image.width] : [image.width, image.height];
  const right = [2, 3, 7, 8].includes(orientation);
  const bottom = [3, 4, 6, 7].includes(orientation);
  const data = new Uint8Array(image.data.length);
  for (let y = 0, out = 0; y < height; y++) {
    for (let x = 0; x < width; x++, out += 3) {
      const [u, v] = transposed ? [y, x] : [x, y];
      const column = right ? image.width - 1 - u : u;
      const row = bottom ? image.height - 1 - v : v;
      const from = (row * image.width + column) * 3;
      data[out] = image.data[from]!;
      data[out + 1] = image.data[from + 1]!;
      data[out + 2] = image.data[from + 2]!;
    }
  }
  return { width, height, data };
}

/**
 * Returns the orientation in EXIF metadata that ImageMagick has written into a text chunk of a PNG file, in hexadecimal
 * after a name and a length.
 */
export function profileOrientation(text: string): number | undefined {
  const digits =
    text
      .trim()
      .split('\n')
      .slice(2)
      .join('')
      .match(/[0-9a-f]{2}/gi) ?? [];
  const bytes = Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
  const prefixed = String.fromCharCode(...bytes.subarray(0, 4)) === 'Exif';
  return tiffTags(prefixed ? bytes.subarray(6) : bytes).orientation;
}

/** Returns the orientation that XMP metadata names, undefined where it names none. */
export function xmpOrientation(xmp: string): number | undefined {
  const found = /tiff:Orientation(?:="|>)([0-9])/.exec(xmp);
  return found ? Number(found[1]) : undefined;
}
