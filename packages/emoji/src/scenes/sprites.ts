import { type DrawingsOptions, renderDrawings } from '../drawings.js';
import type { Emoji } from '../entries.js';
import type { Vendor } from '../vendors.js';
import { loadNouns } from './vocabulary.js';

/** A drawing cropped to its visible part and scaled, its colors multiplied by alpha. */
export interface Sprite {
  readonly width: number;
  readonly height: number;
  /** `[height,width,4]` */
  readonly data: Uint8Array;
}

/** Gives an emoji's sprite whose longer side is `pixels`; made once for each size. */
export type Sprites = (entry: Emoji, vendor: Vendor, pixels: number) => Sprite;

/** Renders the drawings of the scenes' nouns (or reads them from the cache) and holds the sprites made of them. */
export async function loadSprites(options: Omit<DrawingsOptions, 'channels'>): Promise<Sprites> {
  const entries = loadNouns().map((noun) => noun.entry);
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
  const made = new Map<string, Sprite>();
  return (entry, vendor, pixels) => {
    const key = `${vendor} ${entry.code} ${pixels}`;
    let sprite = made.get(key);
    if (!sprite) {
      const drawing = drawings.get(vendor)?.[places.get(entry.code) ?? -1];
      if (!drawing)
        throw new Error(`No drawing of '${entry.label}' by ${vendor} was loaded: load the sprites of that split.`);
      sprite = cropSprite(drawing, options.size, pixels);
      made.set(key, sprite);
    }
    return sprite;
  };
}

/** The part of a drawing `[S,S,4]` that is not transparent, its longer side scaled to `pixels` by area averages. */
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
      if (drawing[(y * side + x) * 4 + 3]! < 32) continue; // soft shadows do not count
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  }
  if (right <= left) return { left: 0, top: 0, width: side, height: side };
  return { left, top, width: right - left, height: bottom - top };
}

/** For each of `parts` equal parts of a span of pixels: which pixels it covers, and with what share of the part. */
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
