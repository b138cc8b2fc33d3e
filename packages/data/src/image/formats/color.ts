/** Converts CMYK to RGB as Pillow does, without a profile: `(255 - k) * (255 - ink) / 255` in its integer rounding. */
export function cmykToRgb(cmyk: Uint8Array): Uint8Array {
  const pixels = cmyk.length / 4;
  const rgb = new Uint8Array(pixels * 3);
  for (let p = 0; p < pixels; p++) {
    const light = 255 - cmyk[4 * p + 3]!;
    for (let c = 0; c < 3; c++) {
      const product = cmyk[4 * p + c]! * light + 128;
      rgb[3 * p + c] = Math.max(0, light - (((product >> 8) + product) >> 8));
    }
  }
  return rgb;
}

/** Composites RGBA with straight alpha over a color, rounded as by Pillow's `paste`. */
export function composite(rgba: Uint8Array, background: readonly [number, number, number]): Uint8Array {
  const pixels = rgba.length / 4;
  const rgb = new Uint8Array(pixels * 3);
  for (let p = 0; p < pixels; p++) {
    const alpha = rgba[4 * p + 3]!;
    for (let c = 0; c < 3; c++) {
      rgb[3 * p + c] = Math.round((rgba[4 * p + c]! * alpha + background[c]! * (255 - alpha)) / 255);
    }
  }
  return rgb;
}

const FRACTION = 64;
const fixed = (factor: number): Int16Array =>
  Int16Array.from({ length: 256 }, (_, chroma) => Math.trunc(factor * (chroma - 128) * FRACTION));
const [redOfCr, greenOfCr, greenOfCb, blueOfCb] = [fixed(1.402), fixed(-0.71414), fixed(-0.34414), fixed(1.772)];

/** Converts YCbCr of full range (JFIF, ITU-R BT.601) to RGB, at most one level from Pillow. */
export function ycbcrToRgb(ycbcr: Uint8Array): Uint8Array {
  const rgb = new Uint8ClampedArray(ycbcr.length);
  for (let i = 0; i < ycbcr.length; i += 3) {
    const [y, cb, cr] = [ycbcr[i]!, ycbcr[i + 1]!, ycbcr[i + 2]!];
    rgb[i] = y + Math.floor(redOfCr![cr]! / FRACTION);
    rgb[i + 1] = y + Math.floor((greenOfCb![cb]! + greenOfCr![cr]!) / FRACTION);
    rgb[i + 2] = y + Math.floor(blueOfCb![cb]! / FRACTION);
  }
  return new Uint8Array(rgb.buffer);
}
