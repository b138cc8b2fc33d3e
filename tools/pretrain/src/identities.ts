import { type Background, compositeSprite, cropSprite, renderBackground, type Sprite } from '@blip2/emoji';
import { hash, type Rng, rng } from '@blip2/tensor';
import type { Drawing } from './drawings.js';
import type { DrawingsFile } from './drawings-file.js';
import { CELLS, STUDENT_SIZE as SIZE } from './teach.js';

/** Most drawings in an image. */
export const MOST = 4;
/** The label of a place where there is no drawing. */
export const NONE = -100;

export interface Identities {
  /** uint8 [B,S,S,3] */
  readonly images: Uint8Array;
  /** How much each cell has of each drawing, summing to 1 over the cells: [B,MOST,CELLS]. */
  readonly shares: Float32Array;
  /** Which emoji it is, or NONE: [B·MOST]. */
  readonly labels: Int32Array;
}

/** The emoji that at least two sets draw: which drawings show the same. */
export function sameEmoji(drawings: readonly Drawing[]): number[][] {
  const byCode = new Map<string, number[]>();
  for (const [i, { code }] of drawings.entries()) {
    if (code === undefined) continue;
    const same = byCode.get(code);
    if (same) same.push(i);
    else byCode.set(code, [i]);
  }
  return [...byCode.values()].filter((same) => new Set(same.map((i) => drawings[i]?.set)).size > 1);
}

/**
 * Images of one to four drawings on a ground, and which emoji stands where. A function of the seed alone, and another
 * image each time: size, place, ground and a little of the colors are drawn.
 */
export function paintIdentities(
  classes: readonly number[][],
  file: DrawingsFile,
  { batch, seed }: { batch: number; seed: number },
): Identities {
  const images = new Uint8Array(batch * SIZE * SIZE * 3);
  const shares = new Float32Array(batch * MOST * CELLS);
  const labels = new Int32Array(batch * MOST).fill(NONE);
  for (let b = 0; b < batch; b++) {
    const random = rng(hash(seed, `picture ${b}`));
    const image = renderBackground(drawGround(random), SIZE);
    for (const [i, { x, y, pixels }] of (random() < 0.4 ? alone(random) : together(random)).entries()) {
      const label = Math.floor(random() * classes.length);
      const same = classes[label] as number[];
      const drawing = file.read(same[Math.floor(random() * same.length)] as number);
      const sprite = tinted(cropSprite(drawing, SIZE, pixels), random);
      const left = Math.round(x - sprite.width / 2);
      const top = Math.round(y - sprite.height / 2);
      compositeSprite(sprite, image, { size: SIZE, left, top });
      const at = b * MOST + i;
      labels[at] = label;
      cover(shares.subarray(at * CELLS, (at + 1) * CELLS), { left, top, width: sprite.width, height: sprite.height });
    }
    images.set(image, b * SIZE * SIZE * 3);
  }
  return { images, shares, labels };
}

/** A center and a longer side, in pixels. */
interface Spot {
  readonly x: number;
  readonly y: number;
  readonly pixels: number;
}

const between = (random: Rng, low: number, high: number): number => low + (high - low) * random();

function alone(random: Rng): Spot[] {
  const pixels = Math.round(between(random, 0.5, 1) * SIZE);
  const free = (SIZE - pixels) / 2;
  const at = (): number => SIZE / 2 + between(random, -free, free);
  return [{ x: at(), y: at(), pixels }];
}

/** Two to four in the quarters of the image. */
function together(random: Rng): Spot[] {
  const count = 2 + Math.floor(random() * (MOST - 1));
  const corners = [0, 1, 2, 3].map((corner) => [random(), corner] as const).sort(([a], [b]) => a - b);
  return corners.slice(0, count).map(([, corner]) => {
    const pixels = Math.round(between(random, 0.3, 0.5) * SIZE);
    const free = SIZE / 4 - pixels / 2;
    const at = (far: boolean): number => (far ? 0.75 : 0.25) * SIZE + between(random, -free, free);
    return { x: at(corner % 2 === 1), y: at(corner > 1), pixels };
  });
}

function drawGround(random: Rng): Background {
  const white = [255, 255, 255] as const;
  if (random() < 0.4) return { from: white, to: white, angle: 0 };
  const light = between(random, 60, 230);
  const color = (): [number, number, number] => [0, 0, 0].map(() => between(random, light - 40, light + 25)) as never;
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

/** Writes how much of a rectangle each cell has, summing to 1. */
function cover(
  to: Float32Array,
  { left, top, width, height }: { left: number; top: number; width: number; height: number },
): void {
  const grid = Math.sqrt(CELLS);
  const cell = SIZE / grid;
  const common = (start: number, length: number, i: number): number =>
    Math.max(0, Math.min(start + length, (i + 1) * cell) - Math.max(start, i * cell));
  let sum = 0;
  for (let i = 0; i < CELLS; i++) {
    const share = common(left, width, i % grid) * common(top, height, Math.floor(i / grid));
    to[i] = share;
    sum += share;
  }
  for (let i = 0; i < CELLS; i++) to[i] = (to[i] as number) / sum;
}
