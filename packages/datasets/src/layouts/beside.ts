import { readFile, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { glob } from 'tinyglobby';
import { whyUnreadable } from '../listed/found.js';
import type { RawList, RawRecord } from '../listed/record.js';
import type { Report } from '../options.js';
import { splitOfFolder } from '../split.js';

export const IMAGE = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|avif|bmp)$/i;
const NO_CAPTIONS = /^(readme|licen[cs]e|notice|copying|changelog)\b/i;
const LARGEST = 4_000_000;

/** Lists the images and texts of a folder and of those in it, without hidden ones; paths have slashes. */
export async function listFolder(root: string, signal?: AbortSignal): Promise<{ images: string[]; texts: string[] }> {
  const found = await glob('**/*', { cwd: root, expandDirectories: false, ...(signal && { signal }) });
  const names = found.map((name) => name.replaceAll('\\', '/')).sort();
  return {
    images: names.filter((name) => IMAGE.test(name)),
    texts: names.filter((name) => /\.txt$/i.test(name) && !NO_CAPTIONS.test(posix.basename(name))),
  };
}

/**
 * Returns the list that a folder is in which `NAME.txt` beside `NAME.jpg` has the captions of an image, one a line. Images
 * without a text and texts without an image are reported.
 */
export function readBeside(root: string, names: { images: string[]; texts: string[] }, report: Report): RawList {
  return { folders: [root], records: () => recordsOf(root, names, report) };
}

const stem = (name: string): string => name.slice(0, -posix.extname(name).length);

async function* recordsOf(
  root: string,
  { images, texts }: { images: string[]; texts: string[] },
  report: Report,
): AsyncGenerator<RawRecord> {
  const files = new Map(texts.map((name) => [stem(name), name]));
  const taken = new Map<string, string>();
  for (const file of images) {
    const key = stem(file);
    const text = files.get(key);
    const other = taken.get(key);
    if (text === undefined) report(file, `there is no ${posix.basename(key)}.txt with its captions beside it`);
    else if (other !== undefined)
      report(file, `its name is that of ${other} but for the ending, which has the captions`);
    else {
      taken.set(key, file);
      const captions = await captionsOf(join(root, text), text, report);
      if (captions) yield { files: [file], captions, where: text, split: splitOfFolder(file) };
    }
  }
  for (const [key, text] of files) if (!taken.has(key)) report(text, 'there is no image of that name beside it');
}

async function captionsOf(path: string, name: string, report: Report): Promise<readonly string[] | undefined> {
  try {
    const { size } = await stat(path);
    if (size > LARGEST) throw new Error(`the file has ${size} bytes, more than ${LARGEST}`);
    return linesOf(await readFile(path, 'utf8'));
  } catch (error) {
    report(name, whyUnreadable(error));
    return undefined;
  }
}

/** Returns the captions of a text: its lines, but for empty ones; an empty text is one empty caption. */
export function linesOf(text: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const filled = lines.filter((line) => line.trim() !== '');
  return filled.length > 0 ? filled : [''];
}
