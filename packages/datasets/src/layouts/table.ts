import { basename, dirname, extname, join } from 'node:path';
import { isJson, type Json, parseJson } from '@blip2/tensor';
import { readCsv } from '../files/csv.js';
import { readJsonFile } from '../files/json.js';
import { readLines } from '../files/lines.js';
import type { RawList, RawRecord } from '../listed/record.js';
import type { Columns, Report, Split } from '../options.js';
import { splitOfFolder } from '../split.js';
import { hasColumns, rowRecord } from './row.js';

/** How a table is read. */
export interface TableOptions {
  readonly columns?: Columns | undefined;
  /** Folder of the images, where it is not that of the table. */
  readonly images?: string | undefined;
  /** Split of the rows that name none and whose path does not lead through a folder of one. */
  readonly split?: Split | undefined;
  /** The content of a JSON file, where it was read already. */
  readonly rows?: unknown;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

/** Folders beside a table in which images lie, in the data sets of the web. */
const BESIDE = ['', 'images', 'Images', 'train', 'flickr30k-images', 'flickr30k_images'];

/**
 * Returns the list that a table is: `.csv`, `.tsv`, `.jsonl` with an object a line, or `.json` with a list of objects (as LAVIS
 * has its annotations). Rows of the same image belong together.
 */
export function readTable(path: string, options: TableOptions): RawList {
  const folders = options.images ? [options.images] : BESIDE.map((name) => join(dirname(path), name));
  return { folders, split: options.split, records: () => recordsOf(path, options) };
}

async function* recordsOf(path: string, options: TableOptions): AsyncGenerator<RawRecord> {
  const { columns = {} } = options;
  const name = basename(path);
  let rows = 0;
  let [image, texts] = [false, false];
  for await (const { row, line } of rowsOf(path, options)) {
    if (rows++ < 100) {
      const has = hasColumns(row, columns);
      image ||= has.image;
      texts ||= has.texts;
    }
    const record = rowRecord(row, `${name}:${line}`, columns);
    yield { ...record, split: record.split ?? splitOfFolder(record.files[0]) };
  }
  if (rows > 0 && image && texts) return;
  const what = rows === 0 ? 'no row' : image ? 'no column of captions or questions' : 'no column of image files';
  throw new Error(
    `${path} has ${what}; name the columns 'file_name' and 'caption' or 'question', or give their names.`,
  );
}

interface TableRow {
  readonly row: Json;
  readonly line: number;
}

async function* rowsOf(path: string, { rows, report, signal }: TableOptions): AsyncGenerator<TableRow> {
  const kind = extname(path).toLowerCase();
  const named: Report = (id, reason) => report(id.replace(path, basename(path)), reason);
  if (kind === '.json') yield* jsonRows(path, rows ?? (await readJsonFile(path, signal)), named);
  else if (kind === '.jsonl' || kind === '.ndjson') yield* lineRows(path, named, signal);
  else for await (const { values, line } of readCsv(path, named, signal)) yield { row: values, line };
}

async function* lineRows(path: string, report: Report, signal?: AbortSignal): AsyncGenerator<TableRow> {
  for await (const { number, text } of readLines(path, signal)) {
    if (text?.trim() === '') continue;
    const row = text === undefined ? undefined : parsed(text);
    if (row) yield { row, line: number };
    else report(`${path}:${number}`, text === undefined ? 'the line is too long' : 'the line is no JSON object');
  }
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text, 'the line');
  } catch {
    return undefined;
  }
}

function* jsonRows(path: string, rows: unknown, report: Report): Generator<TableRow> {
  if (!Array.isArray(rows)) throw new Error(`${path} is not a JSON list of images; see the README for what is read.`);
  for (const [i, row] of rows.entries()) {
    if (isJson(row)) yield { row, line: i + 1 };
    else report(`${path}:${i + 1}`, 'the entry is no JSON object');
  }
}
