/** A decoded image: 8-bit RGB, stored row by row from the top left without padding. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** `height * width * 3` bytes: red, green and blue of each pixel. */
  readonly data: Uint8Array;
}

/**
 * Anything that {@link decodeImage} accepts: a path or `file:` URL in Node, an address in a browser, the bytes of an
 * image file, a `Blob` or `File`, or an image that is decoded already.
 */
export type ImageSource = string | URL | Uint8Array | Blob | DecodedImage;

/** Options of {@link decodeImage}. */
export interface DecodeOptions {
  /**
   * Color that transparent pixels are composited over. By default the alpha channel is dropped, as Pillow's
   * `convert('RGB')` does.
   */
  readonly background?: readonly [red: number, green: number, blue: number];
  /**
   * Whether the EXIF orientation is applied, as by transformers' `load_image`. Default true; LAVIS ignores it. That of
   * TIFF, AVIF and HEIF files is applied always, as by Pillow and by the formats' definition.
   */
  readonly orient?: boolean | undefined;
  /** Largest number of pixels; larger images are refused before they are decoded. Default {@link MAX_PIXELS}. */
  readonly maxPixels?: number;
}

/** Default limit on an image's pixels, above which Pillow warns of a decompression bomb: 178,956,970. */
export const MAX_PIXELS = 178_956_970;

/** Returns whether a value has the fields of a {@link DecodedImage}. */
export function isDecodedImage(value: unknown): value is DecodedImage {
  return typeof value === 'object' && value !== null && 'width' in value && 'height' in value && 'data' in value;
}

/**
 * Returns an image after checking that its sides and its bytes agree.
 * @throws Error where `data` is not `width * height * 3` bytes long
 */
export function checkImage(image: DecodedImage): DecodedImage {
  const { width, height, data } = image;
  if (!(width > 0 && height > 0) || data.length !== width * height * 3) {
    throw new Error(
      `An image of ${width} x ${height} needs ${width * height * 3} bytes of RGB and has ${data.length}: give three bytes a pixel.`,
    );
  }
  return image;
}

/** @throws Error where an image has more pixels than the limit */
export function checkPixels(name: string, width: number, height: number, maxPixels = MAX_PIXELS): void {
  if (width * height > maxPixels) {
    throw new Error(
      `${name} has ${width} x ${height} pixels, more than the limit of ${maxPixels}: make it smaller or raise \`maxPixels\`.`,
    );
  }
}

/** Creates an image of one color. */
export function solidImage(width: number, height: number, color: readonly [number, number, number]): DecodedImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = color[i % 3] ?? 0;
  return { width, height, data };
}
