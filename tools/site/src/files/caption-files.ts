import { parseCsv } from './csv.js';

/** A file with its path in the folder that was chosen or dropped. */
export interface FoundFile {
  readonly path: string;
  readonly file: Blob;
}

/** Captions by the path of their image. */
export type Captions = ReadonlyMap<string, readonly string[]>;

/**
 * Reads the captions that lie beside images, as `blip2 train --data` reads them: `captions.jsonl` or `captions.csv` with `file_name`
 * and `caption` or `captions`, and `cat.txt` beside `cat.jpg`, one caption a line.
 * @throws for a table that cannot be read, naming file and line
 */
export async function readCaptions(files: readonly FoundFile[]): Promise<Captions> {
  const found = new Map<string, string[]>();
  const add = (path: string, captions: readonly unknown[]): void => {
    const texts = captions.filter((one): one is string => typeof one === 'string' && one.trim() !== '');
    if (texts.length > 0) found.set(path, [...(found.get(path) ?? []), ...texts.map((text) => text.trim())]);
  };
  for (const { path, file } of files) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const name = path.slice(folder.length).toLowerCase();
    if (name === 'captions.jsonl' || name === 'metadata.jsonl') {
      for (const row of rowsOfJsonl(await file.text(), path)) addRow(row, folder, add);
    } else if (name === 'captions.csv' || name === 'metadata.csv') {
      for (const row of rowsOfCsv(await file.text(), path)) addRow(row, folder, add);
    } else if (name.endsWith('.txt')) {
      const image = imageBeside(path, files);
      if (image !== undefined) add(image, (await file.text()).split(/\r?\n/));
    }
  }
  return found;
}

type Row = Readonly<Record<string, unknown>>;

function addRow(row: Row, folder: string, add: (path: string, captions: readonly unknown[]) => void): void {
  const { file_name: name, caption, captions } = row;
  if (typeof name !== 'string') return;
  add(folder + name, [caption, captions].flat());
}

function rowsOfJsonl(text: string, path: string): Row[] {
  return text.split(/\r?\n/).flatMap((line, i) => {
    if (line.trim() === '') return [];
    try {
      return [JSON.parse(line) as Row];
    } catch {
      throw new Error(`Line ${i + 1} of ${path} is not JSON.`);
    }
  });
}

function rowsOfCsv(text: string, path: string): Row[] {
  const [head = [], ...rows] = parseCsv(text);
  if (!head.includes('file_name')) throw new Error(`${path} has no column 'file_name' in its first line.`);
  return rows.map((row) => Object.fromEntries(head.map((name, i) => [name, row[i]])));
}

const IMAGE = /\.(jpe?g|png|webp|gif|bmp|avif)$/i;

/** Whether a file's name ends as that of an image. */
export const isImage = ({ path, file }: FoundFile): boolean => IMAGE.test(path) || file.type.startsWith('image/');

/** The image of the same name as a text. */
const imageBeside = (path: string, files: readonly FoundFile[]): string | undefined => {
  const stem = path.replace(/\.[^./]+$/, '');
  return files.find((one) => isImage(one) && one.path.replace(/\.[^./]+$/, '') === stem)?.path;
};
