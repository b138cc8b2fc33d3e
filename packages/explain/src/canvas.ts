import { type DecodedImage, solidImage } from '@blip2/data';
import { GLYPH, glyph } from './font.js';

/** Pixels of a letter's pixel, and between lines. */
const SCALE = 2;
const ADVANCE = (GLYPH.width + 1) * SCALE;
export const LINE = (GLYPH.height + 1) * SCALE;

const INK = [34, 34, 40] as const;

/** How many letters go into so many pixels. */
export const lettersIn = (width: number): number => Math.max(1, Math.floor((width + SCALE) / ADVANCE));

/** White paper to put images and words on. */
export function paper(width: number, height: number): DecodedImage {
  return solidImage(width, height, [255, 255, 255]);
}

interface At {
  readonly x: number;
  readonly y: number;
}

/** Puts an image on the paper, its upper left corner at `x` and `y`. */
export function put(on: DecodedImage, image: DecodedImage, { x, y }: At): void {
  for (let row = 0; row < image.height; row++) {
    const from = row * image.width * 3;
    on.data.set(image.data.subarray(from, from + image.width * 3), ((y + row) * on.width + x) * 3);
  }
}

/** Writes one line; what does not fit between `x` and the paper's edge, or into `width`, is left out. */
export function write(on: DecodedImage, text: string, { x, y, width = on.width - x }: At & { width?: number }): void {
  const letters = [...text];
  const room = lettersIn(width);
  const shown = letters.length <= room ? letters : [...letters.slice(0, room - 2), '.', '.'];
  shown.slice(0, room).forEach((letter, i) => {
    glyph(letter).forEach((line, row) => {
      [...line].forEach((ink, column) => {
        if (ink === '#') dot(on, { x: x + i * ADVANCE + column * SCALE, y: y + row * SCALE });
      });
    });
  });
}

function dot(on: DecodedImage, { x, y }: At): void {
  for (let dy = 0; dy < SCALE; dy++) {
    for (let dx = 0; dx < SCALE; dx++) on.data.set(INK, ((y + dy) * on.width + x + dx) * 3);
  }
}
