import { type Background, compositeSprite, cropSprite, renderBackground, type Sprite } from '@blip2/emoji';
import { hash, type Rng, rng } from '@blip2/tensor';
import { augment } from '../augment.js';
import type { DrawingsFile } from '../drawings-file.js';
import { cover, PLACES, SIZE } from './places.js';

/** Most drawings in an image. */
export const MOST = 4;
/** The share of the drawings that are changed where images are augmented. */
const AUGMENTED = 0.7;
/** The label of a drawing that is not there. */
export const NONE = -100;

export interface Painted {
  /** uint8 [B,S,S,3] */
  readonly images: Uint8Array;
  /** How much each place of the features has of each drawing, summing to 1: [B,MOST,PLACES]. */
  readonly shares: Float32Array;
  /** Which emoji it is, or NONE: [B·MOST]. */
  readonly labels: Int32Array;
}

/**
 * Images with known emoji: half of them a single drawing, half scenes of two to four. A function of the seed alone, and
 * another image each time: drawings, sizes, places, ground and a little of the colors are drawn by lot.
 * @param classes the drawings of each emoji
 * @param augmented most drawings are deformed and recolored too (see `augment`)
 */
export function paint(
  classes: readonly (readonly number[])[],
  file: Pick<DrawingsFile, 'read'>,
  { batch, seed, only, augmented = false }: { batch: number; seed: number; only?: 'scenes'; augmented?: boolean },
): Painted {
  const images = new Uint8Array(batch * SIZE * SIZE * 3);
  const shares = new Float32Array(batch * MOST * PLACES);
  const labels = new Int32Array(batch * MOST).fill(NONE);
  for (let b = 0; b < batch; b++) {
    const random = rng(hash(seed, `image ${b}`));
    const one = random() < 0.5 && only !== 'scenes';
    const ground = one ? singleGround(random) : sceneGround(random);
    const image = renderBackground(ground, SIZE);
    for (const [i, { x, y, pixels, same }] of (one ? single(random) : scene(random)).entries()) {
      const label = same === undefined ? Math.floor(random() * classes.length) : (labels[b * MOST + same] as number);
      const drawings = classes[label] as readonly number[];
      const plain = file.read(drawings[Math.floor(random() * drawings.length)] as number);
      const drawing = augmented && random() < AUGMENTED ? augment(plain, SIZE, random) : plain;
      const sprite = tinted(cropSprite(drawing, SIZE, pixels), random);
      const left = Math.round(x - sprite.width / 2);
      const top = Math.round(y - sprite.height / 2);
      const place = { size: SIZE, left, top };
      if (ground.alpha === 'dropped') pasteWithoutAlpha(sprite, image, place);
      else compositeSprite(sprite, image, place);
      const at = b * MOST + i;
      labels[at] = label;
      cover(shares.subarray(at * PLACES, (at + 1) * PLACES), { left, top, width: sprite.width, height: sprite.height });
    }
    images.set(image, b * SIZE * SIZE * 3);
  }
  return { images, shares, labels };
}

/** A center and a longer side, in pixels; `same`: it shows the emoji of an earlier one. */
interface Spot {
  readonly x: number;
  readonly y: number;
  readonly pixels: number;
  readonly same?: number | undefined;
}

const between = (random: Rng, low: number, high: number): number => low + (high - low) * random();

function single(random: Rng): Spot[] {
  const pixels = Math.round(between(random, 0.4, 1) * SIZE);
  const free = (SIZE - pixels) / 2;
  const at = (): number => SIZE / 2 + between(random, -free, free);
  return [{ x: at(), y: at(), pixels }];
}

const scene = (random: Rng): Spot[] => (random() < 0.6 ? inQuarters(random) : inHalves(random));

/** Two to four, each in a quarter of the image. */
function inQuarters(random: Rng): Spot[] {
  const count = 2 + Math.floor(random() * (MOST - 1));
  const corners = [0, 1, 2, 3].map((corner) => [random(), corner] as const).sort(([a], [b]) => a - b);
  const repeated = random() < 0.25;
  return corners.slice(0, count).map(([, corner], i) => {
    const pixels = Math.round(between(random, 0.3, 0.5) * SIZE);
    const free = SIZE / 4 - pixels / 2;
    const at = (far: boolean): number => (far ? 0.75 : 0.25) * SIZE + between(random, -free, free);
    return { x: at(corner % 2 === 1), y: at(corner > 1), pixels, same: repeated && i > 0 ? 0 : undefined };
  });
}

/** One kind in one half of the image and another in the other, each in a row across. */
function inHalves(random: Rng): Spot[] {
  const first = 1 + Math.floor(random() * 3);
  const second = 1 + Math.floor(random() * Math.min(3, MOST - first));
  const swapped = random() < 0.5;
  const turned = random() < 0.5;
  return [first, second].flatMap((count, group) =>
    Array.from({ length: count }, (_, i): Spot => {
      const pixels = Math.round(between(random, count === 3 ? 0.28 : 0.32, count === 3 ? 0.33 : 0.48) * SIZE);
      const free = 0.24 * SIZE - pixels / 2;
      const spare = Math.max(0, SIZE / count / 2 - pixels / 2);
      const along = ((group === 0) === swapped ? 0.75 : 0.25) * SIZE + between(random, -free, free);
      const across = ((i + 0.5) / count) * SIZE + between(random, -spare, spare);
      const same = i > 0 ? group * first : undefined;
      return turned ? { x: across, y: along, pixels, same } : { x: along, y: across, pixels, same };
    }),
  );
}

/** What lies behind a drawing. `dropped`: the image was transparent, and its alpha was dropped, as Pillow and others do. */
type AnyGround = Background & { readonly alpha?: 'dropped' };

const plain = (color: Background['from']): Background => ({ from: color, to: color, angle: 0 });
const white = plain([255, 255, 255]);
const black = plain([0, 0, 0]);

/** As people have single drawings: on white, transparent (then white or black is seen), on a color. */
function singleGround(random: Rng): AnyGround {
  const kind = random();
  if (kind < 0.4) return white;
  if (kind < 0.55) return { ...black, alpha: 'dropped' };
  if (kind < 0.6) return black;
  return colored(random);
}

const sceneGround = (random: Rng): AnyGround => (random() < 0.2 ? white : colored(random));

function colored(random: Rng): Background {
  const light = between(random, 60, 245);
  const color = (): [number, number, number] =>
    [0, 0, 0].map(() => Math.min(255, between(random, light - 50, light + 25))) as never;
  const from = color();
  return { from, to: random() < 0.5 ? from : color(), angle: 2 * Math.PI * random() };
}

/** Each channel a little lighter or darker; now and then gray, so that shape is looked at too. */
function tinted({ width, height, data }: Sprite, random: Rng): Sprite {
  const gains = [0, 1, 2].map(() => between(random, 0.8, 1.15));
  const gray = random() < 0.08;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3] as number;
    const mean = ((data[i] as number) + (data[i + 1] as number) + (data[i + 2] as number)) / 3;
    for (let c = 0; c < 3; c++) {
      out[i + c] = Math.min(alpha, (gray ? mean : (data[i + c] as number)) * (gains[c] as number));
    }
    out[i + 3] = alpha;
  }
  return { width, height, data: out };
}

/** Puts a sprite's colors in the place of those below wherever it is not wholly transparent. */
function pasteWithoutAlpha(
  { width, height, data }: Sprite,
  image: Uint8Array,
  { size, left, top }: { size: number; left: number; top: number },
): void {
  for (let y = Math.max(0, -top); y < Math.min(height, size - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(width, size - left); x++) {
      const from = (y * width + x) * 4;
      const alpha = data[from + 3] as number;
      if (alpha === 0) continue;
      const to = ((top + y) * size + left + x) * 3;
      for (let c = 0; c < 3; c++) image[to + c] = Math.min(255, ((data[from + c] as number) * 255) / alpha);
    }
  }
}
