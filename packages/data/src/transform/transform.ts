import type { Rng } from '@blip2/tensor';
import type { FilterName } from '../image/filter.js';
import type { DecodedImage } from '../image/image.js';
import { applyProcessor, type Processor } from '../image/processor.js';
import { resize } from '../image/resize.js';
import { type AugmentOptions, randomAugment } from './augment.js';
import { type CropOptions, randomCropBox } from './random-box.js';

/** An 8-bit image transform: a pure function of an image and the random numbers that it draws. */
export type Transform = (image: DecodedImage, random: Rng) => DecodedImage;

/** Options of {@link evalTransform}. */
export interface EvalTransformOptions {
  /** Length of both sides, or the size of a {@link Processor}. */
  readonly size: number | NonNullable<Processor['size']>;
  /** Size of a center crop after resizing. Default: none. */
  readonly crop?: Processor['crop'];
  /** Resampling filter. Default `'bicubic'`. */
  readonly filter?: FilterName;
}

/** Creates LAVIS' `blip_image_eval` transform: resizing to exactly the given size, whatever the aspect ratio. */
export function evalTransform({
  size,
  crop,
  filter = 'bicubic',
}: EvalTransformOptions): (image: DecodedImage) => DecodedImage {
  const sides = typeof size === 'number' ? { width: size, height: size } : size;
  return (image) => applyProcessor(image, { size: sides, filter, ...(crop && { crop }) });
}

/** Options of {@link trainTransform}. */
export interface TrainTransformOptions extends CropOptions {
  /** Length of both sides of the result. */
  readonly size: number;
  /** Resampling filter. Default `'bicubic'`. */
  readonly filter?: FilterName;
  /** Probability of a horizontal flip. Default 0.5. */
  readonly flip?: number;
  /** Options of {@link randomAugment}, which is applied last where they are given; `{}` for its defaults. */
  readonly augment?: AugmentOptions;
}

/**
 * Creates LAVIS' `blip2_image_train` transform, a random resized crop and a random horizontal flip; with `augment` it is
 * `blip_image_train`, which adds {@link randomAugment}.
 */
export function trainTransform(options: TrainTransformOptions): Transform {
  const { size, filter = 'bicubic', flip = 0.5, augment } = options;
  const augmentImage = augment && randomAugment(augment);
  return (image, random) => {
    const cropped = resize(image, size, size, { filter, box: randomCropBox(image, random, options) });
    const flipped = random() < flip ? flipHorizontal(cropped) : cropped;
    return augmentImage ? augmentImage(flipped, random) : flipped;
  };
}

/** Flips an image left to right. */
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
