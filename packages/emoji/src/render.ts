import { availableParallelism } from 'node:os';
import sharp from 'sharp';
import type { Emoji } from './entries.js';
import { type Drawer, openStudio } from './icons.js';
import type { Studio } from './studios.js';

export type Colour = readonly [red: number, green: number, blue: number];
export interface RenderOptions {
  /** 3: laid on the background. 4: with its transparency, colours not multiplied by alpha. Default 3. */
  readonly channels?: 3 | 4;
  /** Under transparent parts when there are three channels. Default white. */
  readonly background?: Colour;
}

const white: Colour = [255, 255, 255];

/** Rasterises an SVG document at the size that it states. */
async function rasterise(svg: string, { channels = 3, background = white }: RenderOptions): Promise<Uint8Array> {
  const picture = sharp(Buffer.from(svg)).toColourspace('srgb');
  const [r, g, b] = background;
  const flat = channels === 3 ? picture.flatten({ background: { r, g, b } }) : picture.ensureAlpha();
  return flat.raw().toBuffer(); // [S,S,channels]
}

/** Draws one emoji: `[size,size,channels]` bytes. Opens the studio's package for it; for many, use `drawAll`. */
export async function renderSvg(
  entry: Emoji,
  studio: Studio,
  size: number,
  options: RenderOptions = {},
): Promise<Uint8Array> {
  return rasterise(openStudio(studio)(entry, size), options);
}

/** Draws many emoji of one studio on all cores; `write` gets each picture with its index, in any order. */
export async function drawAll(
  entries: readonly Emoji[],
  studio: Studio,
  options: RenderOptions & { size: number; write: (index: number, picture: Uint8Array) => void },
): Promise<void> {
  const draw: Drawer = openStudio(studio);
  const before = sharp.concurrency();
  sharp.concurrency(1); // pictures in parallel, not the parts of one
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < entries.length; i = next++) {
      const entry = entries[i];
      if (entry) options.write(i, await rasterise(draw(entry, options.size), options));
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(8, availableParallelism()) }, worker));
  } finally {
    sharp.concurrency(before);
  }
}
