import type { Picture } from '@blip2/data';
import { isFile } from '../../model/files.js';
import { sentence, ToldError } from '../errors.js';
import type { Session } from '../session.js';

/** @throws where none of the pictures is there, before a large model is loaded */
export async function expectPictures(images: readonly string[]): Promise<void> {
  for (const image of images) if (await isFile(image)) return;
  const names = images.map((image) => `'${image}'`).join(', ');
  throw new Error(`There is no picture at ${names}; check the path.`);
}

/**
 * Does something with each picture in its turn. One that cannot be read is told of and the rest goes on.
 * @throws ToldError at the end where one could not be read; what `use` throws, at once
 */
export async function eachPicture(
  images: readonly string[],
  session: Session,
  use: (image: string, picture: Picture) => Promise<void>,
): Promise<void> {
  const { decodePicture } = await import('@blip2/data');
  let unread = 0;
  for (const image of images) {
    session.signal.throwIfAborted();
    const picture = await decodePicture(image).catch((error: unknown) => {
      if (images.length === 1) throw error;
      session.terminal.line(sentence(error, session.signal) ?? '');
    });
    if (picture) await use(image, picture);
    else unread++;
  }
  if (unread > 0) throw new ToldError(`${unread} of ${images.length} pictures could not be read.`);
}
