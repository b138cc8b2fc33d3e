import * as tf from '@tensorflow/tfjs';
import type { DecodedImage } from './image.js';

export type Rgb = readonly [red: number, green: number, blue: number];

export const CLIP_MEAN: Rgb = [0.48145466, 0.4578275, 0.40821073];
export const CLIP_STD: Rgb = [0.26862954, 0.26130258, 0.27577711];
export const IMAGENET_MEAN: Rgb = [0.485, 0.456, 0.406];
export const IMAGENET_STD: Rgb = [0.229, 0.224, 0.225];
export const HALF_MEAN: Rgb = [0.5, 0.5, 0.5];
export const HALF_STD: Rgb = [0.5, 0.5, 0.5];

export interface NormalizeOptions {
  readonly mean?: Rgb;
  readonly std?: Rgb;
  /** What a byte is multiplied with first, 1/255 by default. */
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

/** The normalized values of images of one size, `[B,H,W,3]` in one array: `(x / 255 - mean) / std`. */
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
 * Images of one size as an encoder's input, `(x / 255 - mean) / std` (spec 5.1); CLIP's mean and std by default.
 * The tensor belongs to the caller. Throws where the images differ in size.
 */
export function toPixels(images: readonly DecodedImage[], options: NormalizeOptions = {}): tf.Tensor4D {
  const values = pixelValues(images, options);
  return tf.tensor4d(values, [images.length, images[0]!.height, images[0]!.width, 3]); // [B,H,W,3]
}
