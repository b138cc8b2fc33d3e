import type { Rng } from '@blip2/tensor';
import type { FilterName } from '../image/filter.js';
import type { DecodedImage } from '../image/image.js';
import { applyProcessor, type Processor } from '../image/processor.js';
import { resize } from '../image/resize.js';
import { type AugmentOptions, randomAugment } from './augment.js';
import { type CropOptions, randomCropBox } from './random-box.js';

/** A step of preparing an image, still 8-bit: a pure function of the image and the random numbers it draws. */
export type Transform = (image: DecodedImage, random: Rng) => DecodedImage;

export interface EvalTransformOptions {
  /** Both sides, or what a {@link Processor} says. */
  readonly size: number | NonNullable<Processor['size']>;
  readonly crop?: Processor['crop'];
  readonly filter?: FilterName;
}

/** LAVIS' `blip_image_eval` (spec 5.1): resize to exactly the size, aspect ratio ignored. Draws nothing. */
export function evalTransform({
  size,
  crop,
  filter = 'bicubic',
}: EvalTransformOptions): (image: DecodedImage) => DecodedImage {
  const sides = typeof size === 'number' ? { width: size, height: size } : size;
  return (image) => applyProcessor(image, { size: sides, filter, ...(crop && { crop }) });
}

export interface TrainTransformOptions extends CropOptions {
  readonly size: number;
  readonly filter?: FilterName;
  /** Probability of mirroring left and right. Default 0.5. */
  readonly flip?: number;
  /** Add RandomAugment, as `blip_image_train` does; `{}` for its defaults. */
  readonly augment?: AugmentOptions;
}

/** LAVIS' `blip2_image_train`, with `augment` `blip_image_train` (spec 5.1): random crop, horizontal flip, augmentation. */
export function trainTransform(options: TrainTransformOptions): Transform {
  const { size, filter = 'bicubic', flip = 0.5, augment } = options;
  const change = augment && randomAugment(augment);
  return (image, random) => {
    const part = resize(image, size, size, { filter, box: randomCropBox(image, random, options) });
    const turned = random() < flip ? flipHorizontal(part) : part;
    return change ? change(turned, random) : turned;
  };
}

/** Left and right exchanged. */
export function flipHorizontal({ width, height, data }: DecodedImage): DecodedImage {
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [from, to] = [(y * width + x) * 3, (y * width + width - 1 - x) * 3];
      for (let c = 0; c < 3; c++) result[to + c] = data[from + c]!;
    }
  }
  return { width, height, data: result };
}
