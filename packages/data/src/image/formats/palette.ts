import type { DecodedImage, DecodeOptions } from '../image.js';

/** A color table as a file stores it, or the ramp of grays that stands for an absent one. */
export type Colors = 'gray' | { readonly bytes: Uint8Array; readonly order: 'rgb' | 'bgr' | 'bgrx' };

/** An image of palette indices. */
export interface PaletteImage {
  readonly width: number;
  readonly height: number;
  readonly indices: Uint8Array;
  readonly palette: Colors;
  /** Index of transparent pixels. */
  readonly transparent?: number;
}

/** Returns 256 colors, black beyond the end of the table, as Pillow does. */
function table(colors: Colors): Uint8Array {
  const rgb = new Uint8Array(768);
  if (colors === 'gray') return rgb.map((_, i) => Math.floor(i / 3));
  const { bytes, order } = colors;
  const [stride, red, blue] = [order === 'bgrx' ? 4 : 3, order === 'rgb' ? 0 : 2, order === 'rgb' ? 2 : 0];
  for (let i = 0; i < Math.min(256, Math.floor(bytes.length / stride)); i++) {
    rgb[3 * i] = bytes[stride * i + red]!;
    rgb[3 * i + 1] = bytes[stride * i + 1]!;
    rgb[3 * i + 2] = bytes[stride * i + blue]!;
  }
  return rgb;
}

/** Converts palette indices to RGB; transparent pixels get the background where there is one. */
export function fromPalette(image: PaletteImage, background: DecodeOptions['background']): DecodedImage {
  const { width, height, indices, palette, transparent } = image;
  const colors = table(palette);
  if (background && transparent !== undefined) colors.set(background, 3 * transparent);
  const data = new Uint8Array(3 * indices.length);
  for (const [p, index] of indices.entries()) {
    data[3 * p] = colors[3 * index]!;
    data[3 * p + 1] = colors[3 * index + 1]!;
    data[3 * p + 2] = colors[3 * index + 2]!;
  }
  return { width, height, data };
}

/** The error for a file that ends too early. */
export function truncated(name: string): Error {
  return new Error(`${name} is not an image that can be read (it is truncated): copy or download it again.`);
}
