import { readFile, realpath } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { glob } from 'tinyglobby';
import { createLookup, type Lookup, whyUnreadable } from '../listed/found.js';
import type { RawList, RawRecord } from '../listed/record.js';
import type { Report } from '../options.js';
import { splitOfFolder } from '../split.js';

export const IMAGE = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|avif|bmp)$/i;
const NO_CAPTIONS = /^(readme|licen[cs]e|notice|copying|changelog)\b/i;
/** Bytes of a text at most. */
const LARGEST = 4_000_000;

/** Files of a folder and of those in it; paths have slashes. */
export interface FolderFiles {
  readonly images: readonly string[];
  readonly texts: readonly string[];
}

/** Lists the images and texts of a folder and of those in it, without hidden ones. Folders that links list again are reported. */
export async function listFolder(root: string, report: Report, signal?: AbortSignal): Promise<FolderFiles> {
  const found = await glob('**/*', { cwd: root, expandDirectories: false, ...(signal && { signal }) });
  const names = found.map((name) => name.replaceAll('\\', '/')).sort();
  const again = await listedAgain(root, new Set(names.map((name) => posix.dirname(name))));
  for (const [folder, first] of again) report(folder, `the folder is a link to '${first}', which is listed`);
  const once = names.filter((name) => !again.has(posix.dirname(name)));
  return {
    images: once.filter((name) => IMAGE.test(name)),
    texts: once.filter((name) => /\.txt$/i.test(name) && !NO_CAPTIONS.test(posix.basename(name))),
  };
}

/** The folders that are listed under another name too, with that name: their own, or the shallowest. */
async function listedAgain(root: string, folders: ReadonlySet<string>): Promise<Map<string, string>> {
  const home = await realpath(root);
  const found = await Promise.all(
    [...folders].map(async (folder) => ({ folder, real: await realpath(join(root, folder)) })),
  );
  const isOwn = ({ folder, real }: { folder: string; real: string }): boolean => real === join(home, folder);
  const first = new Map<string, string>();
  const shallow = found.toSorted((a, b) => a.folder.split('/').length - b.folder.split('/').length);
  for (const one of [...found.filter(isOwn), ...shallow]) if (!first.has(one.real)) first.set(one.real, one.folder);
  return new Map(
    found.flatMap(({ folder, real }) => {
      const name = first.get(real)!;
      return name === folder ? [] : [[folder, name]];
    }),
  );
}

/**
 * Returns the list that a folder is in which `NAME.txt` beside `NAME.jpg` has the captions of an image, one a line. Images
 * without a text and texts without an image are reported.
 */
export function readBeside(root: string, names: FolderFiles, report: Report): RawList {
  return { folders: [root], records: () => recordsOf(root, names, report) };
}

const stem = (name: string): string => name.slice(0, -posix.extname(name).length);

async function* recordsOf(root: string, { images, texts }: FolderFiles, report: Report): AsyncGenerator<RawRecord> {
  const lookup = await createLookup(root, LARGEST);
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
      const captions = await captionsOf(join(root, text), lookup);
      if (typeof captions === 'string') report(text, captions);
      else yield { files: [file], captions, where: text, split: splitOfFolder(file) };
    }
  }
  for (const [key, text] of files) if (!taken.has(key)) report(text, 'there is no image of that name beside it');
}

async function captionsOf(path: string, texts: Lookup): Promise<readonly string[] | string> {
  const found = await texts.find(path);
  if (typeof found === 'string') return found;
  return readFile(path, 'utf8').then(linesOf, whyUnreadable);
}

/** Returns the captions of a text: its lines, but for empty ones; an empty text is one empty caption. */
export function linesOf(text: string): readonly string[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const filled = lines.filter((line) => line.trim() !== '');
  return filled.length > 0 ? filled : [''];
}
