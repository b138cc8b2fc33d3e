/** Side of the images. */
export const SIZE = 112;
/** Pixels from one place of the features to the next. */
const STRIDE = 32;
/** The middle of the first place: convolutions padded as 'same' look there, not half a stride from the edge. */
const FIRST = 8;
const GRID = Math.ceil(SIZE / STRIDE);
/** Places of the features: 4 by 4. */
export const PLACES = GRID * GRID;

/** Where each place begins, as far as it is nearest to what it looks at; and the end. */
const edges = Array.from({ length: GRID + 1 }, (_, i) =>
  i === 0 ? 0 : i === GRID ? SIZE : FIRST + STRIDE * (i - 0.5),
);

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Writes how much of a box each place has, summing to 1. */
export function cover(to: Float32Array, { left, top, width, height }: Box): void {
  const common = (start: number, length: number, i: number): number =>
    Math.max(0, Math.min(start + length, edges[i + 1] as number) - Math.max(start, edges[i] as number));
  let sum = 0;
  for (let i = 0; i < PLACES; i++) {
    const share = common(left, width, i % GRID) * common(top, height, Math.floor(i / GRID));
    to[i] = share;
    sum += share;
  }
  for (let i = 0; i < PLACES; i++) to[i] = (to[i] as number) / sum;
}
