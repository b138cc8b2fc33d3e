import { type DecodedImage, decodeImage } from '@blip2/data';
import { type EncodedImage, encodeImage, type LoadedModel } from '@blip2/models';
import type { ImageBytes } from './task.js';

/** What is wrong with a task, for the client that sent it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** How images are decoded. */
export interface Decoder {
  /** The most pixels that an image may have. */
  readonly maxPixels: number;
  readonly orient?: boolean | undefined;
}

/**
 * Decodes an image.
 * @throws Refusal for bytes that are no image, and for one with too many pixels
 */
export async function decode(bytes: ImageBytes, { maxPixels, orient }: Decoder): Promise<DecodedImage> {
  if (isMarkup(bytes))
    throw new Refusal('An SVG is not an image that can be read here: give a JPEG, PNG or WebP file.');
  try {
    return await decodeImage(bytes, { maxPixels, orient });
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : String(error));
  }
}

/** Decodes and encodes an image, which the caller disposes. @throws Refusal as `decode` */
export const encode = async (model: LoadedModel, bytes: ImageBytes, decoder: Decoder): Promise<EncodedImage> =>
  encodeImage(model, await decode(bytes, decoder));

/** Whether bytes are markup, such as an SVG: what is drawn from it takes time and memory that its size does not show. */
function isMarkup(bytes: ImageBytes): boolean {
  const start = Buffer.from(bytes.subarray(0, 64))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '');
  const gzip = bytes[0] === 0x1f && bytes[1] === 0x8b; // a compressed SVG
  return gzip || /^[\s\0\xfe\xff]*</.test(start);
}
