import type { Dataset, DecodedImage } from '@blip2/data';
import type { DrawingsOptions } from '../drawings.js';
import { hash, Random } from '../random.js';
import type { Color } from '../render.js';
import type { Vendor } from '../vendors.js';
import { compositeSprite } from './paint.js';
import { loadSprites, type Sprite, type Sprites } from './sprites.js';
import { loadNouns, type Noun } from './vocabulary.js';

/** What lies behind a single drawing. Under transparent pixels an image is black, as when its alpha channel is dropped. */
export const singleBackgrounds = ['white', 'transparent', 'color'] as const;
/** A background of single drawings, one of {@link singleBackgrounds}. */
export type SingleBackground = (typeof singleBackgrounds)[number];

/** One drawing of a noun of the scenes, without its image. */
export interface Single {
  readonly noun: Noun;
  readonly vendor: Vendor;
  readonly background: SingleBackground;
  /** 'a red apple' */
  readonly caption: string;
}

/** A single drawing with its image. */
export interface SingleItem extends Single {
  readonly image: DecodedImage;
}

/** Single drawings; see {@link singleDataset}. */
export interface SingleDataset extends Dataset<SingleItem> {
  /** Returns a drawing's description. @throws RangeError for an index outside the data set */
  metadata(index: number): Single;
  /** Renders a drawing. @throws RangeError for an index outside the data set */
  get(index: number): SingleItem;
}

/** Options of {@link singleDataset}. */
export interface SingleOptions extends Omit<DrawingsOptions, 'channels'> {
  readonly vendors: readonly Vendor[];
  /** What is drawn. Default: {@link loadNouns}. */
  readonly nouns?: readonly Noun[];
  /** Images of each noun by each vendor. Default 1. */
  readonly variants?: number;
  /** Draws each by the vendor so many places further in `vendors`, at the same place on the same background. Default 0. */
  readonly vendorShift?: number;
  /** Random seed. Default 0. */
  readonly seed?: number;
  /** Drawings to show in place of the vendors' own, such as those of another set. Default: {@link loadSprites}. */
  readonly sprites?: Sprites;
}

/**
 * Creates a data set of single drawings as people have them: each noun of the scenes by each vendor, in turn on white, on a
 * transparent and on a colored background. On white and transparent ones most fill the image, on colored ones they are
 * smaller and off center.
 */
export async function singleDataset(options: SingleOptions): Promise<SingleDataset> {
  const { size, vendors, variants = 1, seed = 0, nouns = loadNouns(), vendorShift = 0 } = options;
  const sprites = options.sprites ?? (await loadSprites({ ...options, size: Math.max(112, size), nouns }));
  const length = nouns.length * vendors.length * variants;
  const metadata = (index: number): Single => {
    if (!(index >= 0 && index < length)) throw new RangeError(`Drawing ${index} does not exist: there are ${length}.`);
    const noun = nouns[index % nouns.length]!;
    const round = Math.floor(index / nouns.length);
    return {
      noun,
      vendor: vendors[(round + vendorShift) % vendors.length]!,
      background: singleBackgrounds[(index + Math.floor(round / vendors.length) + round) % singleBackgrounds.length]!,
      caption: `${noun.article} ${noun.one}`,
    };
  };
  const get = (index: number): SingleItem => {
    const single = metadata(index);
    const random = new Random(hash(seed, `single ${index}`));
    const [least, most] = single.background === 'color' ? [0.45, 0.75] : [0.7, 1];
    const side = Math.round(size * random.between(least, most));
    const sprite = sprites(single.noun.entry, single.vendor, side);
    const data = renderSingle(sprite, { size, background: single.background, random });
    return { ...single, image: { width: size, height: size, data } };
  };
  return { length, metadata, get };
}

function renderSingle(
  sprite: Sprite,
  { size, background, random }: { size: number; background: SingleBackground; random: Random },
): Uint8Array {
  const data = new Uint8Array(size * size * 3);
  const color = background === 'color' ? anyColor(random) : background === 'white' ? WHITE : BLACK;
  for (let i = 0; i < data.length; i++) data[i] = color[i % 3]!;
  const corner = (free: number) => Math.round(random.between(0, free));
  const at = { size, left: corner(size - sprite.width), top: corner(size - sprite.height) };
  compositeSprite(background === 'transparent' ? withoutAlpha(sprite) : sprite, data, at);
  return data;
}

const WHITE: Color = [255, 255, 255];
const BLACK: Color = [0, 0, 0];

function anyColor(random: Random): Color {
  return [random.below(256), random.below(256), random.below(256)];
}

/** The sprite with its alpha channel dropped: every pixel that is not fully transparent becomes opaque. */
function withoutAlpha({ width, height, data }: Sprite): Sprite {
  const opaque = new Uint8Array(data.length);
  for (let p = 0; p < data.length; p += 4) {
    const alpha = data[p + 3]!;
    if (alpha === 0) continue;
    for (let c = 0; c < 3; c++) opaque[p + c] = Math.min(255, (data[p + c]! * 255) / alpha + 0.5);
    opaque[p + 3] = 255;
  }
  return { width, height, data: opaque };
}
