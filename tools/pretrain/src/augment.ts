import type { Rng } from '@blip2/tensor';

/** How much drawings are changed. */
const ROTATION = 0.26; // radians, 15 degrees
const SHEAR = 0.15;
const STRETCH = [0.85, 1.1] as const;
/** Largest displacement of the elastic deformation, as a share of the image's side. */
const ELASTIC = 0.09;
/** Points of the deformation per side, between which it is interpolated. */
const GRID = 4;
/** Share of the drawings of which a rectangle is erased, and its largest side as a share of the image's. */
const ERASED = 0.3;
const RECTANGLE = [0.15, 0.35] as const;

/**
 * Changes a drawing as other vendors' drawings differ, at random: rotated, sheared, stretched and elastically deformed (Simard et
 * al. 2003), its colors more or less saturated, each channel lighter or darker, now and then without a part (random erasing,
 * Zhong et al. 2017, arXiv 1708.04896).
 * @param drawing [S,S,4], colors not multiplied by alpha
 */
export function augment(drawing: Uint8Array, size: number, random: Rng): Uint8Array {
  const out = recolored(deformed(drawing, size, random), random);
  if (random() < ERASED) erase(out, size, random);
  return out;
}

const between = (random: Rng, [low, high]: readonly [number, number]): number => low + (high - low) * random();

/** Deforms a drawing, with bilinear interpolation of colors weighted by alpha. */
function deformed(drawing: Uint8Array, size: number, random: Rng): Uint8Array {
  const [xs, ys] = sources(size, random);
  const out = new Uint8Array(drawing.length);
  for (let p = 0; p < size * size; p++) {
    const [x, y] = [xs[p] as number, ys[p] as number];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    let red = 0;
    let green = 0;
    let blue = 0;
    let alpha = 0;
    for (let corner = 0; corner < 4; corner++) {
      const px = left + (corner & 1);
      const py = top + (corner >> 1);
      if (px < 0 || py < 0 || px >= size || py >= size) continue;
      const i = (py * size + px) * 4;
      const weight = (1 - Math.abs(x - px)) * (1 - Math.abs(y - py)) * (drawing[i + 3] as number);
      red += weight * (drawing[i] as number);
      green += weight * (drawing[i + 1] as number);
      blue += weight * (drawing[i + 2] as number);
      alpha += weight;
    }
    if (alpha < 0.5) continue;
    out[4 * p] = red / alpha + 0.5;
    out[4 * p + 1] = green / alpha + 0.5;
    out[4 * p + 2] = blue / alpha + 0.5;
    out[4 * p + 3] = alpha + 0.5;
  }
  return out;
}

/** Where in the drawing each pixel of the deformed one comes from: an affine map about the center, and a smooth displacement. */
function sources(size: number, random: Rng): [xs: Float32Array, ys: Float32Array] {
  const angle = between(random, [-ROTATION, ROTATION]);
  const shear = between(random, [-SHEAR, SHEAR]);
  const [width, height] = [between(random, STRETCH), between(random, STRETCH)];
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const center = (size - 1) / 2;
  return [
    [cos / width, sin / width],
    [(-sin - shear * cos) / height, (cos - shear * sin) / height],
  ].map(([a = 0, b = 0]) => {
    const displacement = smooth(size, ELASTIC * size, random);
    return displacement.map((by, p) => a * ((p % size) - center) + b * (Math.floor(p / size) - center) + center + by);
  }) as [Float32Array, Float32Array];
}

/** A random field [S,S] from `-reach` to `reach`, interpolated between the points of a grid. */
function smooth(size: number, reach: number, random: Rng): Float32Array {
  const grid = Float32Array.from({ length: GRID * GRID }, () => between(random, [-reach, reach]));
  const step = (GRID - 1) / (size - 1);
  return Float32Array.from({ length: size * size }, (_, p) => {
    const [x, y] = [(p % size) * step, Math.floor(p / size) * step];
    const [i, j] = [Math.min(GRID - 2, Math.floor(x)), Math.min(GRID - 2, Math.floor(y))];
    const at = j * GRID + i;
    const upper = (grid[at] as number) + (x - i) * ((grid[at + 1] as number) - (grid[at] as number));
    const lower =
      (grid[at + GRID] as number) + (x - i) * ((grid[at + GRID + 1] as number) - (grid[at + GRID] as number));
    return upper + (y - j) * (lower - upper);
  });
}

/** Changes the colors of a drawing in place. */
function recolored(drawing: Uint8Array, random: Rng): Uint8Array {
  const gains = [0, 1, 2].map(() => between(random, [0.78, 1.2]));
  const saturation = between(random, [0.5, 1.3]);
  const gamma = between(random, [0.75, 1.33]);
  const curve = Float32Array.from({ length: 256 }, (_, value) => 255 * (value / 255) ** gamma);
  const colors = [0, 0, 0];
  for (let i = 0; i < drawing.length; i += 4) {
    if (drawing[i + 3] === 0) continue;
    for (let c = 0; c < 3; c++) colors[c] = curve[drawing[i + c] as number] as number;
    const gray = colors.reduce((sum, color) => sum + color, 0) / 3;
    for (let c = 0; c < 3; c++) {
      const value = (gray + saturation * ((colors[c] as number) - gray)) * (gains[c] as number) + 0.5;
      drawing[i + c] = Math.max(0, Math.min(255, value));
    }
  }
  return drawing;
}

/** Makes a rectangle of a drawing transparent, in place. */
function erase(drawing: Uint8Array, size: number, random: Rng): void {
  const [width, height] = [between(random, RECTANGLE), between(random, RECTANGLE)].map((side) =>
    Math.round(side * size),
  );
  const left = Math.floor(random() * (size - (width as number)));
  const top = Math.floor(random() * (size - (height as number)));
  for (let y = top; y < top + (height as number); y++) {
    drawing.fill(0, (y * size + left) * 4, (y * size + left + (width as number)) * 4);
  }
}
