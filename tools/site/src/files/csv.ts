/** Writes rows as CSV (RFC 4180), with a mark by which spreadsheets know UTF-8. */
export const toCsv = (rows: readonly (readonly string[])[]): string =>
  `\u{FEFF}${rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('')}`;

/** Quoted where it has to be. A text that a spreadsheet would take for a formula gets a quote in front. */
function quoted(cell: string): string {
  const safe = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Writes rows as text that can be pasted into a spreadsheet. */
export const toTabbed = (rows: readonly (readonly string[])[]): string =>
  rows.map((row) => row.map((cell) => cell.replace(/[\t\r\n]+/g, ' ')).join('\t')).join('\n');

/** Reads CSV (RFC 4180). */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  const cells = /("(?:[^"]|"")*"|[^",\r\n][^,\r\n]*|)(,|\r?\n|$)/gy;
  const content = text.replace(/^\u{FEFF}/u, '');
  while (cells.lastIndex < content.length) {
    const [, cell = '', end] = cells.exec(content) ?? [];
    if (end === undefined) throw new Error(`The CSV has a quote in row ${rows.length} that does not end.`);
    rows.at(-1)!.push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end === ',' && cells.lastIndex === content.length) rows.at(-1)!.push('');
    if (end.endsWith('\n')) rows.push([]);
  }
  return rows.filter((row) => row.some((cell) => cell !== ''));
}
