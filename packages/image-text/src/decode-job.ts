import {
  applyProcessor,
  type DecodedImage,
  decodeImage,
  type Processor,
  type TrainTransformOptions,
  trainTransform,
} from '@blip2/data';
import { rng } from '@blip2/tensor';

/** How an image becomes the pixels of an encoder; plain data, so that worker threads take it and caches are keyed by it. */
export interface ImagePlan {
  /** The encoder's processor: resizing and cropping, for images that are not augmented. */
  readonly processor: Pick<Processor, 'size' | 'crop' | 'filter'>;
  /** Whether the EXIF orientation is applied. */
  readonly orient: boolean;
  /** The random crop, flip and augmentation of training. Default: none. */
  readonly train?: TrainTransformOptions | undefined;
}

/** An image to decode and to resize. */
export interface DecodeJob {
  /** The encoded file. */
  readonly bytes: Uint8Array;
  readonly plan: ImagePlan;
  /** Seed of the random transform. */
  readonly seed: number;
}

/** Decodes an image, and transforms it to the encoder's size. @throws for a file that cannot be decoded */
export async function decode({ bytes, plan, seed }: DecodeJob): Promise<DecodedImage> {
  const image = await decodeImage(bytes, { orient: plan.orient });
  return plan.train ? trainTransform(plan.train)(image, rng(seed)) : applyProcessor(image, plan.processor);
}

/** The side of the square images that an encoder wants. @throws for a processor that names none */
export function squareSize({ size, crop }: Pick<Processor, 'size' | 'crop'>): number {
  const sides = crop ?? (size && 'width' in size ? size : undefined);
  if (sides && sides.width === sides.height) return sides.width;
  throw new Error(
    "Augmentation makes square images, and the encoder's processor names no square size; set 'augment' to none.",
  );
}
