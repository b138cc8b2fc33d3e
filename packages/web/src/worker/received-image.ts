import type { ImageSource } from '@blip2/data';
import type { SentImage } from '../page/images.js';

/** An image that a page has sent, as models take it. A bitmap becomes a PNG. */
export async function receivedImage(image: SentImage): Promise<ImageSource> {
  if (typeof ImageBitmap === 'undefined' || !(image instanceof ImageBitmap)) return image as ImageSource;
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext('bitmaprenderer');
  if (!context) throw new Error('This browser draws no bitmap in a worker; give the image as a file.');
  context.transferFromImageBitmap(image);
  return canvas.convertToBlob({ type: 'image/png' });
}

/** Several images that a page has sent. */
export const receivedImages = (images: readonly SentImage[]): Promise<ImageSource[]> =>
  Promise.all(images.map(receivedImage));
