import type * as tf from '@tensorflow/tfjs';
import { type Heap, TABLE } from '../heap.js';

/** What slides over the images [B,H,W,C]: tfjs' own account of a convolution or a pooling. */
export type Sliding = ReturnType<typeof tf.backend_util.computeConv2DInfo>;

/** Writes it where kernels read it, in the order of assembly/window.ts; @returns the place, valid until the next table. */
export function writeWindows(heap: Heap, info: Sliding, channels = info.inChannels): number {
  const { inHeight, inWidth, outHeight, outWidth, padInfo } = info;
  const places = [info.filterHeight, info.filterWidth];
  const steps = [info.dilationHeight, info.dilationWidth];
  const strides = [info.strideHeight, info.strideWidth];
  const image = [inHeight, inWidth, channels, outHeight, outWidth];
  new Int32Array(heap.buffer, TABLE, 13).set([...image, ...places, ...strides, ...steps, padInfo.top, padInfo.left]);
  return TABLE;
}

/** Do the windows cover each place of the images in order, so that their rows are the images as they lie? */
export function liesInOrder(info: Sliding): boolean {
  const { top, bottom, left, right } = info.padInfo;
  if (top || bottom || left || right) return false;
  const point = info.filterHeight === 1 && info.filterWidth === 1 && info.strideHeight === 1 && info.strideWidth === 1;
  const whole = info.filterHeight === info.inHeight && info.filterWidth === info.inWidth;
  return point || (whole && info.outHeight === 1 && info.outWidth === 1);
}
