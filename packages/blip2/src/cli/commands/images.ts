import { stat } from 'node:fs/promises';
import type { DecodedImage } from '@blip2/data';
import { ReportedError, sentence } from '../errors.js';
import type { Session } from '../session.js';

/** @throws where the file does not exist, so that this is found before a large model is loaded */
export async function expectImage(image: string): Promise<void> {
  if (!(await isFile(image))) throw new Error(`There is no image at '${image}'; check the path.`);
}

/**
 * The image files that the arguments of a command name: files, folders and patterns. Files that do not exist are kept where
 * there are others, and reported when they are read.
 * @throws where there is none at all
 */
export async function imageFiles(names: readonly string[]): Promise<readonly string[]> {
  if ((await Promise.all(names.map(isFile))).every(Boolean)) return names;
  const { findImages } = await import('@blip2/search');
  const files = await findImages(names);
  for (const file of files) if (await isFile(file)) return files;
  const listed = names.map((name) => `'${name}'`).join(', ');
  throw new Error(`There is no image at ${listed}; check the path.`);
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() ?? false;

/**
 * Reads each image and calls `use` with it. Images that cannot be read are reported and skipped.
 * @throws ReportedError at the end where one could not be read; errors of `use` at once
 */
export async function eachImage(
  images: readonly string[],
  { session, orient }: { readonly session: Session; readonly orient?: boolean | undefined },
  use: (path: string, image: DecodedImage) => Promise<void>,
): Promise<void> {
  const { decodeImage } = await import('@blip2/data');
  const unreadable = unreadableImages(session);
  for (const path of images) {
    session.signal.throwIfAborted();
    const image = await decodeImage(path, { orient }).catch((error: unknown) => {
      if (images.length === 1) throw error;
      unreadable.report(path, error);
    });
    if (image) await use(path, image);
  }
  unreadable.throwIfAny(images.length);
}

/** Reports images that cannot be read, and counts them. */
export function unreadableImages({ signal, terminal }: Session) {
  let count = 0;
  return {
    get count(): number {
      return count;
    },
    report(_: string, error: unknown): void {
      count++;
      terminal.line(sentence(error, signal) ?? '');
    },
    /** @throws ReportedError where there were any */
    throwIfAny(total: number): void {
      if (count > 0) throw new ReportedError(`${count} of ${total} images could not be read.`);
    },
  };
}
