import type { Point } from './series.js';

const place = (value: number) => Number(value.toFixed(1));

/** An SVG path through the points, broken where a value is not finite; a lone point becomes a dot under round caps. */
export function linePath(points: readonly Point[], x: (value: number) => number, y: (value: number) => number): string {
  let path = '';
  let drawing = false;
  points.forEach((point, i) => {
    const here = Number.isFinite(point.y);
    if (here) path += `${drawing ? 'L' : 'M'}${place(x(point.x))} ${place(y(point.y))}`;
    if (here && !drawing && !Number.isFinite(points[i + 1]?.y ?? Number.NaN)) path += 'h0';
    drawing = here;
  });
  return path;
}

/** Moves labels apart by at least `gap`, from the top, and back up where they leave `bottom`; their order stays. */
export function spread(places: readonly number[], gap: number, bottom: number): number[] {
  const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
  const result = [...places];
  order.forEach((at, i) => {
    if (i > 0) result[at] = Math.max(result[at]!, result[order[i - 1]!]! + gap);
  });
  let limit = bottom;
  for (const at of order.reverse()) {
    result[at] = Math.min(result[at]!, limit);
    limit = result[at]! - gap;
  }
  return result;
}
