import { type DrawingsOptions, renderDrawings } from '../drawings.js';
import type { Emoji } from '../entries.js';
import type { Vendor } from '../vendors.js';
import type { Noun } from './vocabulary.js';

/** A drawing cropped to its visible part and scaled, its colors premultiplied by alpha. */
export interface Sprite {
  readonly width: number;
  readonly height: number;
  /** `[height,width,4]` */
  readonly data: Uint8Array;
}

/** Returns the sprite of an emoji whose longer side is `pixels`; cached by size. */
export type Sprites = (entry: Emoji, vendor: Vendor, pixels: number) => Sprite;

/** Options of {@link loadSprites}. */
export interface SpriteOptions extends Omit<DrawingsOptions, 'channels'> {
  /** Of which emoji sprites are made. */
  readonly nouns: readonly Noun[];
}

/** Loads the drawings of nouns, see {@link renderDrawings}, and returns a function that makes sprites of them. */
export async function loadSprites({ nouns, ...options }: SpriteOptions): Promise<Sprites> {
  const entries = nouns.map((noun) => noun.entry);
  const places = new Map(entries.map((entry, i) => [entry.code, i]));
  const store = await renderDrawings(entries, { ...options, channels: 4 });
  const drawings = new Map<Vendor, Uint8Array[]>();
  for (const [vendor, file] of store) {
    drawings.set(
      vendor,
      Array.from(entries, (_, i) => file.read(i)),
    );
    file.close();
  }
  const cache = new Map<string, Sprite>();
  return (entry, vendor, pixels) => {
    const key = `${vendor} ${entry.code} ${pixels}`;
    let sprite = cache.get(key);
    if (!sprite) {
      const drawing = drawings.get(vendor)?.[places.get(entry.code) ?? -1];
      if (!drawing)
        throw new Error(
          `No drawing of '${entry.label}' by ${vendor} was loaded: load the sprites of the scene's split.`,
        );
      sprite = cropSprite(drawing, options.size, pixels);
      cache.set(key, sprite);
    }
    return sprite;
  };
}

/** Crops a drawing `[side,side,4]` to its visible part and scales the longer side to `pixels` by area averaging. */
export function cropSprite(drawing: Uint8Array, side: number, pixels: number): Sprite {
  const box = visible(drawing, side);
  const scale = Math.max(box.width, box.height) / pixels;
  const width = Math.max(1, Math.round(box.width / scale));
  const height = Math.max(1, Math.round(box.height / scale));
  const columns = overlaps(box.left, box.width, width);
  const rows = overlaps(box.top, box.height, height);
  const data = new Uint8Array(width * height * 4);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p += 4) {
      let [r, g, b, a] = [0, 0, 0, 0];
      for (const [row, h] of rows[y]!) {
        for (const [column, w] of columns[x]!) {
          const q = (row * side + column) * 4;
          const alpha = (drawing[q + 3]! / 255) * h * w;
          r += drawing[q]! * alpha;
          g += drawing[q + 1]! * alpha;
          b += drawing[q + 2]! * alpha;
          a += 255 * alpha;
        }
      }
      data.set([r + 0.5, g + 0.5, b + 0.5, a + 0.5], p);
    }
  }
  return { width, height, data };
}

function visible(drawing: Uint8Array, side: number) {
  let [left, top, right, bottom] = [side, side, 0, 0];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (drawing[(y * side + x) * 4 + 3]! < 32) continue; // ignores soft shadows
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  }
  if (right <= left) return { left: 0, top: 0, width: side, height: side };
  return { left, top, width: right - left, height: bottom - top };
}

/** Returns for each of `parts` equal parts of a range of pixels the pixels that it covers, with their weights. */
function overlaps(start: number, length: number, parts: number): [pixel: number, share: number][][] {
  const step = length / parts;
  return Array.from({ length: parts }, (_, part) => {
    const [low, high] = [part * step, (part + 1) * step];
    const shares: [number, number][] = [];
    for (let pixel = Math.floor(low); pixel < Math.min(length, Math.ceil(high - 1e-9)); pixel++) {
      shares.push([start + pixel, (Math.min(high, pixel + 1) - Math.max(low, pixel)) / step]);
    }
    return shares;
  });
}
