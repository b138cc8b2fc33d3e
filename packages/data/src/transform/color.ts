import type { DecodedImage } from '../image/image.js';

/** Maps each channel through a table that is computed from its histogram. */
function mapChannels(image: DecodedImage, tableOf: (histogram: Int32Array) => ArrayLike<number>): DecodedImage {
  const result = new Uint8Array(image.data.length);
  for (let c = 0; c < 3; c++) {
    const histogram = new Int32Array(256);
    for (let i = c; i < result.length; i += 3) histogram[image.data[i]!]!++;
    const table = tableOf(histogram);
    for (let i = c; i < result.length; i += 3) result[i] = table[image.data[i]!]!;
  }
  return { ...image, data: result };
}

/** Tabulates a function over all bytes, clamped and truncated to bytes. */
function byteTable(value: (byte: number) => number): number[] {
  return Array.from({ length: 256 }, (_, byte) => Math.trunc(Math.min(255, Math.max(0, value(byte)))));
}

/** Stretches each channel so that its lowest and highest values become 0 and 255, as Pillow's `ImageOps.autocontrast`. */
export function autoContrast(image: DecodedImage): DecodedImage {
  return mapChannels(image, (histogram) => {
    const low = histogram.findIndex((n) => n > 0);
    const high = histogram.findLastIndex((n) => n > 0);
    if (high <= low) return byteTable((byte) => byte);
    const scale = 255 / (high - low);
    return byteTable((byte) => byte * scale - low * scale);
  });
}

/** Equalizes each channel's histogram, as Pillow's `ImageOps.equalize`. */
export function equalize(image: DecodedImage): DecodedImage {
  return mapChannels(image, (histogram) => {
    const last = histogram.findLast((n) => n > 0) ?? 0;
    const step = Math.floor((image.width * image.height - last) / 255);
    if (step === 0) return byteTable((byte) => byte);
    let sum = Math.floor(step / 2);
    return histogram.map((n) => {
      const value = Math.min(255, Math.floor(sum / step));
      sum += n;
      return value;
    });
  });
}

/** Multiplies every byte by a factor. */
export function brightness(image: DecodedImage, factor: number): DecodedImage {
  return mapChannels(image, () => byteTable((byte) => byte * factor));
}

/** Blends an image with a blurred copy: a factor below 1 blurs, above 1 sharpens. Border pixels are unchanged. */
export function sharpness(image: DecodedImage, factor: number): DecodedImage {
  const { width, height, data } = image;
  const result = data.slice();
  const stride = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * stride + 3, end = (y + 1) * stride - 3; i < end; i++) {
      let sum = 4 * data[i]!; // the kernel is nine ones, the middle one a five
      for (const row of [i - stride, i, i + stride]) sum += data[row - 3]! + data[row]! + data[row + 3]!;
      const blurred = Math.round(sum / 13);
      result[i] = Math.min(255, Math.max(0, blurred + factor * (data[i]! - blurred)));
    }
  }
  return { ...image, data: result };
}
