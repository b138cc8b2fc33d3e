import type { Rng } from '@blip2/tensor';
import type { FilterName } from '../picture/filter.js';
import type { Picture } from '../picture/picture.js';
import { applyProcessor, type Processor } from '../picture/processor.js';
import { resize } from '../picture/resize.js';
import { type AugmentOptions, randomAugment } from './augment.js';
import { type CropOptions, randomBox } from './random-box.js';

/** A step of preparing a picture, still 8-bit: a pure function of the picture and the random numbers it draws. */
export type Transform = (picture: Picture, random: Rng) => Picture;

export interface EvalOptions {
  /** Both sides, or what a {@link Processor} says. */
  readonly size: number | NonNullable<Processor['size']>;
  readonly crop?: Processor['crop'];
  readonly filter?: FilterName;
}

/** LAVIS' `blip_image_eval` (spec 5.1): resize to exactly the size, aspect ratio ignored. Draws nothing. */
export function evalTransform({ size, crop, filter = 'bicubic' }: EvalOptions): (picture: Picture) => Picture {
  const sides = typeof size === 'number' ? { width: size, height: size } : size;
  return (picture) => applyProcessor(picture, { size: sides, filter, ...(crop && { crop }) });
}

export interface TrainOptions extends CropOptions {
  readonly size: number;
  readonly filter?: FilterName;
  /** Probability of mirroring left and right. Default 0.5. */
  readonly flip?: number;
  /** Add RandomAugment, as `blip_image_train` does; `{}` for its defaults. */
  readonly augment?: AugmentOptions;
}

/** LAVIS' `blip2_image_train`, with `augment` `blip_image_train` (spec 5.1): random crop, mirror, augmentation. */
export function trainTransform(options: TrainOptions): Transform {
  const { size, filter = 'bicubic', flip = 0.5, augment } = options;
  const change = augment && randomAugment(augment);
  return (picture, random) => {
    const part = resize(picture, size, size, { filter, box: randomBox(picture, random, options) });
    const turned = random() < flip ? mirror(part) : part;
    return change ? change(turned, random) : turned;
  };
}

/** Left and right exchanged. */
export function mirror({ width, height, data }: Picture): Picture {
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [(y * width + x) * 3, (y * width + width - 1 - x) * 3];
      for (let c = 0; c < 3; c++) result[to + c] = data[from + c]!;
    }
  }
  return { width, height, data: result };
}
