import { createReadStream } from 'node:fs';
import { isLfsPointer, LFS_PROBLEM, LFS_REMEDY } from '@blip2/tensor';
import { type CsvError, parse } from 'csv-parse';
import type { Report } from '../options.js';
import { readLines } from './lines.js';

/** Characters of a row at most. */
const LONGEST = 4_000_000;
const DELIMITERS = [',', '\t', ';', '|'];

/** A row of a table. */
export interface Row {
  readonly values: Readonly<Record<string, unknown>>;
  /** The line in which it ends, counted from 1. */
  readonly line: number;
}

/**
 * Yields the rows of a table whose first line names the columns, separated by commas, tabs, semicolons or bars (which then are
 * not quoted, as in Flickr30k's `results.csv`). Rows that cannot be parsed are reported.
 * @throws where a quote is opened and not closed, and for a file without columns
 */
export async function* readCsv(path: string, report: Report, signal?: AbortSignal): AsyncGenerator<Row> {
  const delimiter = await delimiterOf(path);
  let open: number | undefined;
  const file = createReadStream(path, signal && { signal });
  const rows = file.pipe(
    parse({
      bom: true,
      columns: (names: string[]) => names.map((name) => name.trim()),
      delimiter,
      info: true,
      max_record_size: LONGEST,
      quote: delimiter === '|' ? false : '"',
      relax_column_count_more: true,
      relax_quotes: true,
      skip_empty_lines: true,
      skip_records_with_error: true,
      trim: delimiter === '|',
      on_skip: (error) => {
        if (error?.code === 'CSV_QUOTE_NOT_CLOSED') open = Number(error.lines);
        else if (error) report(`${path}:${error.lines}`, whyOf(error));
      },
    }),
  );
  file.once('error', (error) => rows.destroy(error));
  try {
    for await (const { record, info } of rows as AsyncIterable<{ record: Row['values']; info: { lines: number } }>) {
      yield { values: record, line: info.lines };
    }
  } catch (error) {
    signal?.throwIfAborted();
    const { code, lines } = error as Partial<CsvError> & { lines?: unknown };
    if (!code?.startsWith('CSV_')) throw error;
    throw new Error(`${path}:${lines} cannot be read (${code}); save the table again.`, { cause: error });
  } finally {
    file.destroy();
  }
  if (open !== undefined) {
    throw new Error(`${path}: a quote that is open in line ${open} is not closed; save the table again.`);
  }
}

const whyOf = ({ code }: CsvError): string =>
  code.includes('COLUMN') ? 'the row has fewer cells than there are columns' : `the row cannot be read (${code})`;

/** The separator that the first line has most of. */
async function delimiterOf(path: string): Promise<string> {
  for await (const { text = '' } of readLines(path)) {
    if (isLfsPointer(text)) throw new Error(`${path}: ${LFS_PROBLEM}; ${LFS_REMEDY}.`);
    const counts = DELIMITERS.map((one) => text.split(one).length);
    return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
  }
  throw new Error(`${path} is empty; its first line names the columns, such as 'file_name,caption'.`);
}
