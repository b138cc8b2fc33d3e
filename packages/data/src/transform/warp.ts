import type { DecodedImage } from '../image/image.js';

/** Gray level outside the image, as in LAVIS. */
const FILL = 128;

/** Maps an output pixel `[x, y]` to the input position `[a x + b y + c, d x + e y + f]`. */
type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** Applies an affine transform with bilinear interpolation; positions outside the image are gray. */
function warp(image: DecodedImage, [a, b, c, d, e, f]: Affine): DecodedImage {
  const { width, height, data } = image;
  const result = new Uint8Array(data.length);
  const at = (x: number, y: number, channel: number): number =>
    x < 0 || y < 0 || x >= width || y >= height ? FILL : data[(y * width + x) * 3 + channel]!;
  for (let y = 0, out = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [a * x + b * y + c, d * x + e * y + f];
      const [x0, y0] = [Math.floor(u), Math.floor(v)];
      const [s, t] = [u - x0, v - y0];
      for (let channel = 0; channel < 3; channel++, out++) {
        const upper = (1 - s) * at(x0, y0, channel) + s * at(x0 + 1, y0, channel);
        const lower = (1 - s) * at(x0, y0 + 1, channel) + s * at(x0 + 1, y0 + 1, channel);
        result[out] = Math.round((1 - t) * upper + t * lower);
      }
    }
  }
  return { width, height, data: result };
}

/** Shears an image horizontally by factor `x` and vertically by factor `y`. */
export function shear(image: DecodedImage, x: number, y: number): DecodedImage {
  return warp(image, [1, -x, 0, -y, 1, 0]);
}

/** Shifts the content left by `x` and up by `y` pixels. */
export function translate(image: DecodedImage, x: number, y: number): DecodedImage {
  return warp(image, [1, 0, x, 0, 1, y]);
}

/** Rotates the content counterclockwise about the center. */
export function rotate(image: DecodedImage, degrees: number): DecodedImage {
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const [x, y] = [image.width / 2, image.height / 2];
  return warp(image, [cos, -sin, x - cos * x + sin * y, sin, cos, y - sin * x - cos * y]);
}
