import { stat } from 'node:fs/promises';
import type { DecodedImage } from '@blip2/data';
import type { SkippedFile, SkipReason } from '@blip2/search';
import { ReportedError, sentence } from '../errors.js';
import type { Session } from '../session.js';

/** @throws where the file does not exist, so that this is found before a large model is loaded */
export async function expectImage(image: string): Promise<void> {
  if (!(await isFile(image))) throw new Error(`There is no image at '${image}'; check the path.`);
}

/** The images that the arguments of a command name. */
export interface ImageFiles {
  readonly images: readonly string[];
  /** How many files and folders were left out. */
  readonly skipped: number;
}

/**
 * The image files that the arguments of a command name: files, folders and patterns. Files that do not exist are kept where
 * there are others, and reported when they are read. Prints one line for each kind of files that folders hold besides images.
 * @throws where there is no image at all
 */
export async function imageFiles(names: readonly string[], { terminal }: Session): Promise<ImageFiles> {
  if ((await Promise.all(names.map(isFile))).every(Boolean)) return { images: names, skipped: 0 };
  const { findImages } = await import('@blip2/search');
  const skipped: SkippedFile[] = [];
  const images = await findImages(names, { onSkipped: (one) => skipped.push(one) });
  for (const [reason, text] of Object.entries(reasons)) {
    const paths = skipped.filter((one) => one.reason === reason).map(({ path }) => path);
    if (paths.length > 0) terminal.line(`Skipped ${paths.length} (${text}): ${listed(paths)}`);
  }
  for (const file of images) if (await isFile(file)) return { images, skipped: skipped.length };
  throw new Error(`There is no image at ${names.map((name) => `'${name}'`).join(', ')}; check the path.`);
}

const reasons: Readonly<Record<SkipReason, string>> = {
  ending: 'the name does not end as that of an image that can be decoded',
  hidden: 'hidden',
  link: 'a link to an image or folder that is listed already',
  unreadable: 'not readable, or no regular file',
};

const SHOWN = 10;

function listed(paths: readonly string[]): string {
  const more = paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : '';
  return `${paths.slice(0, SHOWN).join(', ')}${more}.`;
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
