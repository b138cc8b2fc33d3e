import * as tf from '@tensorflow/tfjs';
import type { DecodedImage } from './image.js';

/** Three numbers, one for each of red, green and blue. */
export type Rgb = readonly [red: number, green: number, blue: number];

/** Channel means of CLIP's and BLIP-2's preprocessing. */
export const CLIP_MEAN: Rgb = [0.48145466, 0.4578275, 0.40821073];
/** Channel standard deviations of CLIP's and BLIP-2's preprocessing. */
export const CLIP_STD: Rgb = [0.26862954, 0.26130258, 0.27577711];
/** Channel means of ImageNet, used by DINOv2 and the original ViT recipes. */
export const IMAGENET_MEAN: Rgb = [0.485, 0.456, 0.406];
/** Channel standard deviations of ImageNet. */
export const IMAGENET_STD: Rgb = [0.229, 0.224, 0.225];
/** Channel means that map bytes to the range -1 to 1 together with {@link HALF_STD}, as SigLIP and ViT do. */
export const HALF_MEAN: Rgb = [0.5, 0.5, 0.5];
/** Channel standard deviations that belong to {@link HALF_MEAN}. */
export const HALF_STD: Rgb = [0.5, 0.5, 0.5];

/** Options of {@link toPixels} and {@link pixelValues}; a {@link Processor} has all of them. */
export interface NormalizeOptions {
  /** Mean of each channel, subtracted after rescaling. Default {@link CLIP_MEAN}. */
  readonly mean?: Rgb;
  /** Standard deviation of each channel, divided by last. Default {@link CLIP_STD}. */
  readonly std?: Rgb;
  /** Factor that bytes are multiplied by first. Default 1/255. */
  readonly rescale?: number;
}

/** The normalized value of each byte and channel, computed in float32 as the reference does. */
function table(
  channel: number,
  { mean = CLIP_MEAN, std = CLIP_STD, rescale = 1 / 255 }: NormalizeOptions,
): Float32Array {
  const [m, s] = [Math.fround(mean[channel]!), Math.fround(std[channel]!)];
  return Float32Array.from({ length: 256 }, (_, byte) => Math.fround(Math.fround(byte * rescale) - m) / s);
}

/**
 * Normalizes images of equal size, `(x * rescale - mean) / std` for each channel, into one array of shape `[B,H,W,3]`.
 * @throws Error where there are no images, or two differ in size
 */
export function pixelValues(images: readonly DecodedImage[], options: NormalizeOptions = {}): Float32Array {
  const [first] = images;
  if (!first) throw new Error('No images were given: pixels need at least one.');
  const size = first.width * first.height * 3;
  const [red, green, blue] = [table(0, options), table(1, options), table(2, options)];
  const values = new Float32Array(images.length * size);
  for (const [index, { width, height, data }] of images.entries()) {
    if (width !== first.width || height !== first.height) {
      throw new Error(
        `Image ${index} is ${width} x ${height} and image 0 is ${first.width} x ${first.height}: resize them to one size first.`,
      );
    }
    for (let i = 0, out = index * size; i < size; i += 3, out += 3) {
      values[out] = red[data[i]!]!;
      values[out + 1] = green[data[i + 1]!]!;
      values[out + 2] = blue[data[i + 2]!]!;
    }
  }
  return values;
}

/**
 * Normalizes images of equal size into an encoder's input, a tensor `[B,H,W,3]` that the caller disposes (the
 * `pixel_values` of transformers, with channels last).
 * @throws Error where there are no images, or two differ in size
 */
export function toPixels(images: readonly DecodedImage[], options: NormalizeOptions = {}): tf.Tensor4D {
  const values = pixelValues(images, options);
  return tf.tensor4d(values, [images.length, images[0]!.height, images[0]!.width, 3]); // [B,H,W,3]
}
