import { isJson, parseJson } from '@blip2/tensor';
import { linesOf } from '../layouts/beside.js';
import { rowRecord } from '../layouts/row.js';
import { nameProblem, plainName } from '../listed/name.js';
import type { Columns, Report } from '../options.js';
import { checkTexts, type Texts } from '../texts.js';
import type { TarEntry, TarFile } from './tar.js';

/** An image file of a shard. */
export interface ImagePart {
  readonly bytes: Uint8Array;
  /** Where it begins in the shard, where that is known. */
  readonly offset: number | undefined;
}

/** An image of a shard with its texts. */
export interface Sample extends Texts {
  readonly key: string;
  readonly image: ImagePart;
  readonly imageId?: string | number;
}

const IMAGE = /^(jpe?g|jpe|jfif|png|webp|gif|tiff?|avif|bmp)$/;
const TEXT = /^(txt|caption|cap)$/;
/** Bytes of a text at most. */
const LONGEST = 4_000_000;

/** How the files of a shard are understood. */
export interface SampleOptions {
  readonly columns?: Columns | undefined;
  readonly maxImageBytes: number;
  readonly report: Report;
}

/** Key and ending of a file by the convention of WebDataset: they meet at the first dot of its last part. */
export function splitKey(name: string): { readonly key: string; readonly ending: string } | undefined {
  const [, key, ending] = /^((?:.*\/)?[^/.]+)\.([^/]*)$/s.exec(name) ?? [];
  return key === undefined ? undefined : { key, ending: ending!.toLowerCase() };
}

/** Whether the content of a file is needed and small enough. */
export function isWanted({ name, type, size }: TarEntry, maxImageBytes: number): boolean {
  const ending = splitKey(plainName(name))?.ending ?? '';
  if (type !== 'file' || nameProblem(name)) return false;
  return IMAGE.test(ending) ? size <= maxImageBytes : (TEXT.test(ending) || ending === 'json') && size <= LONGEST;
}

/**
 * Groups the files of a shard that follow each other with the same key: an image, and its captions as `.txt`, one a line, or
 * in a `.json` of the keys that rows of tables have. What cannot be used is reported.
 */
export async function* readSamples(files: AsyncIterable<TarFile>, options: SampleOptions): AsyncGenerator<Sample> {
  const { maxImageBytes, report } = options;
  const seen = new Set<string>();
  let key: string | undefined;
  let again = false; // whether the key was read before
  let parts = new Map<string, ImagePart>();
  const finish = (): Sample | undefined => (key === undefined || again ? undefined : sampleOf(key, parts, options));
  try {
    for await (const { name, type, size, bytes, offset } of files) {
      const problem = type === 'directory' ? undefined : (typeProblem(type) ?? nameProblem(name));
      if (problem) report(name.slice(0, 200), problem);
      const named = problem || type === 'directory' ? undefined : splitKey(plainName(name));
      if (!named) continue;
      if (named.key !== key) {
        const sample = finish();
        if (sample) yield sample;
        key = named.key;
        parts = new Map();
        if (seen.has(key)) {
          report(key, 'its key comes again, with other files between; it is read once');
          again = true;
          continue;
        }
        again = false;
        seen.add(key);
      }
      if (again) continue;
      if (bytes && parts.has(named.ending)) report(plainName(name), 'the file is there twice; the first is read');
      else if (bytes) parts.set(named.ending, { bytes, offset });
      else if (IMAGE.test(named.ending))
        report(plainName(name), `the file has ${size} bytes, more than ${maxImageBytes}`);
      else if (TEXT.test(named.ending) || named.ending === 'json')
        report(plainName(name), `the file has ${size} bytes`);
    }
  } catch (error) {
    const last = finish(); // its files are whole
    if (last) yield last;
    throw error;
  }
  const last = finish();
  if (last) yield last;
}

function typeProblem(type: string): string | undefined {
  if (type === 'file') return undefined;
  return type.includes('link') ? 'it is a link, which is not followed in a shard' : 'it is no regular file';
}

function sampleOf(key: string, parts: ReadonlyMap<string, ImagePart>, options: SampleOptions): Sample | undefined {
  const { report, columns } = options;
  const images = [...parts].filter(([ending]) => IMAGE.test(ending));
  const image = images[0]?.[1];
  if (!image || image.bytes.length === 0) {
    report(key, image ? 'the file is empty' : 'there is no image of that name');
    return undefined;
  }
  for (const [ending] of images.slice(1)) report(`${key}.${ending}`, `there is another image, ${key}.${images[0]![0]}`);
  const json = parts.get('json')?.bytes;
  const row = json && rowOf(key, json, report);
  const written = row && rowRecord(row, key, columns);
  const text = [...parts].find(([ending]) => TEXT.test(ending))?.[1].bytes;
  const captions = text ? linesOf(Buffer.from(text).toString('utf8')) : written?.captions;
  let problems = 0;
  const count: Report = (id, reason) => {
    problems++;
    report(id, reason);
  };
  const texts = checkTexts({ captions: captions ?? [], questions: written?.questions ?? [] }, key, count);
  if (texts.captions.length + texts.questions.length === 0) {
    if (problems === 0) report(key, 'it has neither a caption nor a question');
    return undefined;
  }
  const imageId = written?.imageId;
  return { key, image, ...texts, ...((typeof imageId === 'string' || typeof imageId === 'number') && { imageId }) };
}

function rowOf(key: string, bytes: Uint8Array, report: Report): Readonly<Record<string, unknown>> | undefined {
  try {
    const row = parseJson(bytes, 'json');
    return isJson(row) ? row : undefined;
  } catch {
    report(`${key}.json`, 'the file is no JSON object');
    return undefined;
  }
}
