import { type DecodedImage, resize } from '@blip2/data';
import type { Attention } from './types.js';

type Color = readonly [number, number, number];

/** The color map, white to plum, in about even steps of lightness that the color-blind can tell apart. */
export const heatColors: readonly Color[] = [
  [255, 255, 255],
  [255, 226, 150],
  [252, 168, 78],
  [232, 106, 62],
  [190, 52, 80],
  [128, 26, 96],
];

/** The color of a value from 0 to 1. */
export function heatColor(heat: number): Color {
  const at = Math.min(1, Math.max(0, heat)) * (heatColors.length - 1);
  const i = Math.min(heatColors.length - 2, Math.floor(at));
  const mix = (c: 0 | 1 | 2) => heatColors[i]![c] + (at - i) * (heatColors[i + 1]![c] - heatColors[i]![c]);
  return [mix(0), mix(1), mix(2)];
}

/** The attention map of one query. */
export interface QueryMap {
  readonly rows: number;
  readonly columns: number;
  /** Attention weights in multiples of the uniform weight, `[rows * columns]`. */
  readonly shares: Float32Array;
  /** The largest of `shares`. */
  readonly peak: number;
}

/**
 * Splits attention weights into one map per query.
 * @throws where the number of values is not a multiple of the grid's size
 */
export function queryMaps({ label, maps: { rows, columns, values } }: Attention): QueryMap[] {
  const size = rows * columns;
  if (!(Number.isInteger(size) && size > 0) || values.length % size !== 0) {
    throw new Error(
      `The attention of '${label}' has ${values.length} values, which is not a multiple of ${rows} x ${columns}; give weights of shape [Q, rows * columns].`,
    );
  }
  return Array.from({ length: values.length / size }, (_, q) => {
    const map = values.subarray(q * size, (q + 1) * size);
    const shares = map.map((value) => (Number.isFinite(value) ? value * size : 0));
    return { rows, columns, shares, peak: shares.reduce((most, share) => Math.max(most, share), 0) };
  });
}

/** Scales a map to 0 (the uniform weight or less) to 1 (the peak, or twice the uniform weight where the peak is lower). */
function heatOf({ rows, columns, shares, peak }: QueryMap): DecodedImage {
  const data = new Uint8Array(shares.length * 3);
  const span = Math.max(2, peak) - 1;
  shares.forEach((share, i) => {
    data.fill(Math.round(255 * Math.min(1, Math.max(0, (share - 1) / span))), i * 3, i * 3 + 3);
  });
  return { width: columns, height: rows, data };
}

/** Draws an attention map over an image in pale gray, interpolated between patches. */
export function paintHeat({ width, height, data }: DecodedImage, map: QueryMap): DecodedImage {
  const heat = resize(heatOf(map), width, height).data;
  const painted = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const gray = 0.299 * data[i]! + 0.587 * data[i + 1]! + 0.114 * data[i + 2]!;
    const paper = 0.35 + (0.65 * gray) / 255;
    heatColor(heat[i]! / 255).forEach((channel, c) => {
      painted[i + c] = Math.round(channel * paper);
    });
  }
  return { width, height, data: painted };
}
