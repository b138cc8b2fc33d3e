/** An image in memory: 8-bit RGB, row by row, without padding. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** `height * width * 3` bytes. */
  readonly data: Uint8Array;
}

/** An image as a user has it: a path (Node) or URL (browser), a file's bytes, a Blob or File, or pixels already. */
export type ImageSource = string | Uint8Array | Blob | DecodedImage;

export interface DecodeOptions {
  /** Laid under transparent pixels. By default the alpha channel is dropped, as Pillow's `convert('RGB')` does. */
  readonly background?: readonly [red: number, green: number, blue: number];
  /** Turn the image as its EXIF orientation says. Default false, as Pillow's `open`. */
  readonly orient?: boolean;
  /** More pixels than this are refused before anything is decoded. Default 178 956 970, Pillow's limit. */
  readonly maxPixels?: number;
}

export const MAX_PIXELS = 178_956_970;

/** Whether a value is a decoded image. */
export function isDecodedImage(value: unknown): value is DecodedImage {
  return typeof value === 'object' && value !== null && 'width' in value && 'height' in value && 'data' in value;
}

/** Throws where the number of bytes does not fit the sides. */
export function checkImage(image: DecodedImage): DecodedImage {
  const { width, height, data } = image;
  if (!(width > 0 && height > 0) || data.length !== width * height * 3) {
    throw new Error(
      `An image of ${width} x ${height} needs ${width * height * 3} bytes of RGB and has ${data.length}: give three bytes a pixel.`,
    );
  }
  return image;
}

/** Throws where an image is larger than the limit. */
export function checkPixels(name: string, width: number, height: number, maxPixels = MAX_PIXELS): void {
  if (width * height > maxPixels) {
    throw new Error(
      `${name} has ${width} x ${height} pixels, more than the limit of ${maxPixels}: make it smaller or raise \`maxPixels\`.`,
    );
  }
}

/** One color everywhere. */
export function solidImage(width: number, height: number, color: readonly [number, number, number]): DecodedImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = color[i % 3] ?? 0;
  return { width, height, data };
}
