import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { grouped } from './find.js';
import { linesOf, merged, type Recorded, recordOf } from './lines.js';
import { handWritten, markdown } from './markdown.js';
import { plot } from './plot.js';

/**
 * Writes the report of a run to `file`, and its lines and plots into the folder beside it that has the file's name. What was
 * written by hand in an older report stays.
 * @param keep the older lines of cases that this run has not measured stay too
 */
export async function writeReport(file: string, run: Recorded, { keep = false } = {}): Promise<void> {
  const name = basename(file, extname(file));
  const folder = join(dirname(file), name);
  await mkdir(folder, { recursive: true });
  const old = keep ? await readRecord(join(folder, LINES)).catch(() => undefined) : undefined;
  const record = merged(old, run);
  await writeFile(join(folder, LINES), linesOf(record));
  const plots = new Map<string, string>();
  for (const [bench, cases] of grouped(record.results)) {
    const svg = plot(cases);
    if (!svg) continue;
    await writeFile(join(folder, `${bench}.svg`), svg);
    plots.set(bench, `${name}/${bench}.svg`);
  }
  const before = await readFile(file, 'utf8').catch(() => '');
  const options = {
    byHand: handWritten(before),
    plot: (bench: string) => plots.get(bench),
    lines: `${name}/${LINES}`,
  };
  await writeFile(file, markdown(record, options));
}

const LINES = 'results.jsonl';

export const readRecord = async (file: string): Promise<Recorded> => recordOf(await readFile(file, 'utf8'));
