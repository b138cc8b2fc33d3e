import type { DecodedImage } from '@blip2/data';

/**
 * An image of a page: an address, relative ones to the page; the bytes of an image file; a `Blob` or `File`; a bitmap, an image
 * element, a canvas, or the present frame of a video; or an image that is decoded already. A file is decoded in the worker; what is
 * drawn on a canvas has lost the colors of transparent pixels.
 */
export type PageImage =
  | string
  | URL
  | Blob
  | Uint8Array
  | DecodedImage
  | ImageBitmap
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement;

/** An image as it is sent to the worker. */
export type SentImage = string | Blob | Uint8Array | DecodedImage | ImageBitmap;

const isA = <
  Name extends 'ImageBitmap' | 'HTMLImageElement' | 'HTMLCanvasElement' | 'OffscreenCanvas' | 'HTMLVideoElement',
>(
  value: unknown,
  name: Name,
): value is InstanceType<(typeof globalThis)[Name]> => name in globalThis && value instanceof globalThis[name];

/** Makes an image ready to be sent to a worker. */
export async function sentImage(image: PageImage): Promise<SentImage> {
  if (typeof image === 'string' || image instanceof URL) return new URL(image, globalThis.document?.baseURI).href;
  const element =
    isA(image, 'HTMLImageElement') ||
    isA(image, 'HTMLCanvasElement') ||
    isA(image, 'OffscreenCanvas') ||
    isA(image, 'HTMLVideoElement');
  return element ? createImageBitmap(image) : (image as SentImage);
}

/** Makes several images ready to be sent. */
export const sentImages = (images: readonly PageImage[]): Promise<SentImage[]> => Promise.all(images.map(sentImage));
