import { dirname, join, posix } from 'node:path';
import type { RawList } from '../listed/record.js';
import type { Columns, Report } from '../options.js';
import { splitOf, splitOfName } from '../split.js';
import { listFolder, readBeside } from './beside.js';
import { readTable } from './table.js';

/** Endings of tables. */
export const TABLE = /\.(jsonl|ndjson|csv|tsv)$/i;
const USUAL = /^(captions|metadata)\.(jsonl|csv|tsv)$/i;
const NAMED_COLUMNS = 'captions.txt';

/** How a folder is read. */
export interface FolderOptions {
  readonly columns?: Columns | undefined;
  readonly images?: string | undefined;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Finds the lists of a folder of images: `captions.jsonl` or `metadata.jsonl` (or `.csv`, `.tsv`) in it and in the folders of
 * its splits, else tables that are named after splits, else its only table, else `NAME.txt` beside `NAME.jpg`.
 * @param found the files of the folder and of those in it
 * @returns undefined where there is none of them
 * @throws where there are several tables of which none is named as above
 */
export async function readFolder(
  root: string,
  found: readonly string[],
  options: FolderOptions,
): Promise<RawList[] | undefined> {
  const { report, signal } = options;
  const tables = found.filter((name) => TABLE.test(name) || name === NAMED_COLUMNS);
  const usual = tables.filter(isUsual);
  const top = tables.filter((name) => !name.includes('/'));
  const split = top.filter((name) => splitOfName(name) !== undefined);
  const chosen = [usual, split, top].find((some) => some.length > 0) ?? [];
  if (chosen === top && top.length > 1) {
    throw new Error(`'${root}' has the tables ${top.join(', ')}; give the path of one of them.`);
  }
  if (chosen.length > 0) {
    return chosen.map((name) => readTable(join(root, name), { ...options, split: splitOfTable(name) }));
  }
  const names = await listFolder(root, report, signal);
  return names.images.length > 0 && names.texts.length > 0 ? [readBeside(root, names, report)] : undefined;
}

/** In the folder itself, or in one that is named after a split. */
const isUsual = (name: string): boolean =>
  USUAL.test(posix.basename(name)) && (!name.includes('/') || splitOf(dirname(name)) !== undefined);

/** Whether there is a list under a usual name. */
export const hasUsualTable = (names: readonly string[]): boolean => names.some(isUsual);

const splitOfTable = (name: string) => (name.includes('/') ? splitOf(dirname(name)) : splitOfName(name));
