import type { DecodedImage } from '@blip2/data';
import { isFile } from '@blip2/tensor/files';
import { sentence, ToldError } from '../errors.js';
import type { Session } from '../session.js';

/** @throws where none of the images is there, before a large model is loaded */
export async function expectImages(images: readonly string[]): Promise<void> {
  for (const image of images) if (await isFile(image)) return;
  const names = images.map((image) => `'${image}'`).join(', ');
  throw new Error(`There is no image at ${names}; check the path.`);
}

/**
 * Does something with each image in its turn. One that cannot be read is told of and the rest goes on.
 * @throws ToldError at the end where one could not be read; what `use` throws, at once
 */
export async function eachImage(
  images: readonly string[],
  session: Session,
  use: (path: string, image: DecodedImage) => Promise<void>,
): Promise<void> {
  const { decodeImage } = await import('@blip2/data');
  let unread = 0;
  for (const path of images) {
    session.signal.throwIfAborted();
    const image = await decodeImage(path).catch((error: unknown) => {
      if (images.length === 1) throw error;
      session.terminal.line(sentence(error, session.signal) ?? '');
    });
    if (image) await use(path, image);
    else unread++;
  }
  if (unread > 0) throw new ToldError(`${unread} of ${images.length} images could not be read.`);
}
