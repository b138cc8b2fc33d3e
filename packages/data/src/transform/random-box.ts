import type { Rng } from '@blip2/tensor';
import type { Box } from '../image/resize.js';

/** Options of {@link randomCropBox}, as of torchvision's `RandomResizedCrop`. */
export interface CropOptions {
  /** Range of the crop's share of the area, drawn uniformly. Default 0.5 to 1, as in LAVIS. */
  readonly scale?: readonly [min: number, max: number];
  /** Range of the crop's aspect ratio, width over height, drawn log-uniformly. Default 3/4 to 4/3. */
  readonly ratio?: readonly [min: number, max: number];
}

type Sides = { readonly width: number; readonly height: number };

/** Draws the rectangle that torchvision's `RandomResizedCrop` crops: ten attempts, then a center crop. */
export function randomCropBox({ width, height }: Sides, random: Rng, options: CropOptions = {}): Box {
  const { scale = [0.5, 1], ratio = [3 / 4, 4 / 3] } = options;
  const between = ([min, max]: readonly [number, number]): number => min + (max - min) * random();
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * between(scale);
    const aspect = Math.exp(between([Math.log(ratio[0]), Math.log(ratio[1])]));
    const w = Math.round(Math.sqrt(area * aspect));
    const h = Math.round(Math.sqrt(area / aspect));
    if (w < 1 || h < 1 || w > width || h > height) continue;
    const top = Math.floor(random() * (height - h + 1));
    return { left: Math.floor(random() * (width - w + 1)), top, width: w, height: h };
  }
  const aspect = Math.min(Math.max(width / height, ratio[0]), ratio[1]);
  const w = Math.max(1, Math.min(width, Math.round(height * aspect)));
  const h = Math.max(1, Math.min(height, Math.round(width / aspect)));
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}
