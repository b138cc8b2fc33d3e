import { titleOf } from './folder.js';
import type { Row } from './row.js';
import type { Report } from './verify.js';

const header = ['', 'name', 'absolute', 'relative', 'tolerance'];

/** A report as an aligned table with its total. */
export function tableOf(report: Report): string {
  const cells = report.rows.map((row) => [
    row.status,
    row.name,
    ...[row.absolute, row.relative, row.tolerance].map(numberText),
  ]);
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((line) => (line[i] as string).length)));
  const aligned = (line: readonly string[]): string =>
    line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join('  ');
  const lines = cells.map((line, i) => aligned(line) + noteText(report.rows[i] as Row));
  return [`${titleOf(report.folder)} (${report.kind})`, aligned(header), ...lines, totalOf(report), ''].join('\n');
}

export function totalOf(report: Report): string {
  const rest = report.skipped ? `, ${report.skipped} not compared` : '';
  return `${titleOf(report.folder)}: ${report.passed} passed, ${report.failed} failed${rest}`;
}

/** One line of JSON for each row, then one for the folder. */
export function jsonLinesOf(report: Report): string[] {
  const { folder, kind, rows, passed, failed, skipped } = report;
  const lines = rows.map(({ name, status, absolute, relative, tolerance, note }) => {
    const pass = status === 'skip' ? null : status === 'pass';
    return { folder, name, absolute, relative, tolerance, pass, ...(note === undefined ? {} : { note }) };
  });
  return [...lines, { folder, kind, passed, failed, skipped }].map((line) => JSON.stringify(line));
}

const numberText = (x: number): string => (Number.isNaN(x) ? '-' : x === 0 ? '0' : x.toExponential(1));

const noteText = ({ note }: Row): string => (note === undefined ? '' : `  ${note}`);
