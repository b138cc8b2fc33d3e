import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { ImageTextDataset, SkippedItem } from '@blip2/data';
import { toPath } from '@blip2/tensor/files';
import { listedDataset } from './listed/dataset.js';
import type { OpenOptions, Report } from './options.js';
import { recognizeFile, recognizeFolder } from './recognize.js';

/**
 * Opens a data set of images with captions or questions, whose layout it recognizes: a folder with `captions.jsonl`,
 * `metadata.jsonl`, a table or `NAME.txt` beside `NAME.jpg`. Images are looked up, not read.
 * @param path a folder, or a file in it
 * @returns a data set whose `items` report what was left out, each with its reason
 * @throws where no data set is recognized, a file is wrong as a whole, there is no such split, or no image can be used
 */
export async function openDataset(path: string | URL, options: OpenOptions = {}): Promise<ImageTextDataset> {
  const given = resolve(toPath(path));
  const found = await stat(given).catch(() => undefined);
  if (!found) throw new Error(`There is no data set at '${given}'; check the path.`);
  const skipped: SkippedItem[] = [];
  const report: Report = (id, reason) => void skipped.push({ id, reason });
  const images = options.images && resolve(toPath(options.images));
  const annotations = options.annotations && resolve(toPath(options.annotations));
  const { columns, layout, signal } = options;
  const recognize = found.isDirectory() ? recognizeFolder : recognizeFile;
  const recognized = await recognize(given, { columns, layout, images, annotations, report, signal });
  if (!recognized) {
    throw new Error(`No data set was recognized in '${given}'; the README of @blip2/datasets has the layouts.`);
  }
  const { root, lists } = recognized;
  return listedDataset(lists, { ...options, name: basename(given), root: images ?? root, skipped });
}
