import { availableParallelism } from 'node:os';
import sharp from 'sharp';
import type { Emoji } from './entries.js';
import { type Drawer, openVendor } from './icons.js';
import type { Vendor } from './vendors.js';

/** An RGB color, each channel from 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

/** Options of {@link renderSvg}. */
export interface RenderOptions {
  /** 3 for RGB over the background, 4 for RGBA with straight alpha. Default 3. */
  readonly channels?: 3 | 4;
  /** Background color for three channels. Default white. */
  readonly background?: Color;
}

const white: Color = [255, 255, 255];

/** Rasterizes an SVG document at its own size. */
async function rasterize(svg: string, { channels = 3, background = white }: RenderOptions): Promise<Uint8Array> {
  const image = sharp(Buffer.from(svg)).toColorspace('srgb');
  const [r, g, b] = background;
  const flat = channels === 3 ? image.flatten({ background: { r, g, b } }) : image.ensureAlpha();
  return flat.raw().toBuffer(); // [S,S,channels]
}

/**
 * Rasterizes one emoji's drawing to `[size,size,channels]` bytes. It opens the vendor's package each time; for many emoji
 * use {@link renderDrawings}.
 */
export async function renderSvg(
  entry: Emoji,
  vendor: Vendor,
  size: number,
  options: RenderOptions = {},
): Promise<Uint8Array> {
  return rasterize(openVendor(vendor)(entry, size), options);
}

/** Rasterizes many emoji of one vendor in parallel; `write` receives each image with its index, in any order. */
export async function drawAll(
  entries: readonly Emoji[],
  vendor: Vendor,
  options: RenderOptions & { size: number; write: (index: number, image: Uint8Array) => void },
): Promise<void> {
  const draw: Drawer = openVendor(vendor);
  const before = sharp.concurrency();
  sharp.concurrency(1); // images are rendered in parallel instead
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < entries.length; i = next++) {
      const entry = entries[i];
      if (entry) options.write(i, await rasterize(draw(entry, options.size), options));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(8, availableParallelism()) }, worker));
  } finally {
    sharp.concurrency(before);
  }
}
