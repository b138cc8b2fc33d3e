import type { DecodedImage } from '@blip2/data';
import { paintHeat, queryMaps } from '@blip2/report';
import type { PatchMaps } from '../attention.js';

/** One map with its values relative to a uniform one. */
export interface RelativeMap {
  /** The value of each patch divided by the mean, [rows*columns]; 1 everywhere for a uniform map. */
  readonly values: Float32Array;
  readonly peak: number;
}

/** Colors of all maps of a section: logarithmic, from 1× (uniform, or less) to the next tick above the highest peak. */
export interface HeatScale {
  /** Multiples of uniform attention: 1, 2, 4, … */
  readonly ticks: readonly number[];
  /** The place of a multiple on the scale, 0 to 1. */
  at(multiple: number): number;
}

/** Maps relative to uniform ones. */
export const relativeMaps = (maps: PatchMaps): RelativeMap[] =>
  queryMaps({ image: { width: 1, height: 1, data: new Uint8Array(3) }, label: 'the sheet', maps }).map(
    ({ shares, peak }) => ({ values: shares, peak }),
  );

/** The scale that holds all maps, in steps of 2× or 4×, at most six. */
export function heatScale(maps: readonly RelativeMap[]): HeatScale {
  const highest = Math.log2(Math.max(2, ...maps.map(({ peak }) => peak)));
  const step = highest > 5 ? 2 : 1; // steps of 4× or 2×
  const steps = Math.ceil(highest / step - 1e-6);
  const ticks = Array.from({ length: steps + 1 }, (_, i) => 2 ** (i * step));
  const top = steps * step;
  return { ticks, at: (multiple) => Math.min(1, Math.max(0, Math.log2(multiple) / top)) };
}

/** The image in pale gray under the colors of a map, smooth between patches. */
export function paintMap(
  image: DecodedImage,
  { values }: RelativeMap,
  { rows, columns, scale }: Pick<PatchMaps, 'rows' | 'columns'> & { readonly scale: HeatScale },
): DecodedImage {
  // paintHeat colors linearly from 1 to the peak
  return paintHeat(image, { rows, columns, shares: values.map((value) => 1 + scale.at(value)), peak: 2 });
}
