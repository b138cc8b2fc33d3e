import { basename, dirname, join, posix } from 'node:path';
import { isJson } from '@blip2/tensor';
import { glob } from 'tinyglobby';
import { listOf, readJsonFile } from './files/json.js';
import { readCoco } from './layouts/coco.js';
import { readTokens } from './layouts/flickr30k.js';
import { hasUsualTable, readFolder, TABLE } from './layouts/folder.js';
import { readKarpathy } from './layouts/karpathy.js';
import { readTable } from './layouts/table.js';
import { readVqa } from './layouts/vqa.js';
import type { RawList } from './listed/record.js';
import type { Columns, Layout, Report } from './options.js';

/** What lists are read with. */
export interface ListOptions {
  readonly layout?: Layout | undefined;
  readonly columns?: Columns | undefined;
  readonly images?: string | undefined;
  readonly annotations?: string | undefined;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

/** Lists, and the folder that their images may not leave. */
export interface Recognized {
  readonly root: string;
  readonly lists: readonly RawList[];
}

const TOKENS = /\.token(\.txt)?$/i;

/** By which files each layout is known, in a folder and in those in it. */
const KNOWN: Readonly<Partial<Record<Layout, RegExp>>> = {
  karpathy: /^dataset_(coco|flickr\d+k)\w*\.json$/i,
  coco: /^captions_[\w-]+\.json$/i,
  vqa: /questions\w*\.json$/i,
  flickr30k: TOKENS,
  webdataset: /\.(tar|tar\.gz|tgz)$/i,
};

/**
 * Recognizes the layout of a folder by the names of its files.
 * @returns undefined where none is recognized
 * @throws where there are several
 */
export async function recognizeFolder(root: string, options: ListOptions): Promise<Recognized | 'shards' | undefined> {
  const { layout, signal } = options;
  const search = { cwd: root, expandDirectories: false, deep: 2, ...(signal && { signal }) };
  const names = (await glob(['*', '*/*'], search)).map((name) => name.replaceAll('\\', '/')).sort();
  const files = (kind: Layout): string[] => names.filter((name) => KNOWN[kind]?.test(posix.basename(name)));
  const kinds = (Object.keys(KNOWN) as Layout[]).filter((kind) => files(kind).length > 0);
  if (hasUsualTable(names)) kinds.push('folder');
  const kind = layout ?? (kinds.length > 0 ? kinds[0]! : 'folder');
  if (!layout && kinds.length > 1) {
    const found = kinds.map((one) => `${one} (${files(one)[0] ?? 'a table'})`).join(', ');
    throw new Error(`'${root}' holds several data sets: ${found}; give the path of one file, or a layout.`);
  }
  if (kind === 'webdataset') return 'shards';
  if (kind === 'folder') {
    const lists = await readFolder(root, names, options);
    return lists && { root, lists };
  }
  const paths = files(kind).map((name) => join(root, name));
  if (paths.length === 0) throw new Error(`'${root}' has no file of the layout '${kind}'; the README names them.`);
  return { root, lists: paths.map((path) => listOfFile(path, { ...options, root, layout: kind })) };
}

/**
 * Recognizes the layout of a file by its name and content.
 * @returns undefined where none is recognized
 */
export async function recognizeFile(path: string, options: ListOptions): Promise<Recognized | 'shards' | undefined> {
  const folder = dirname(path);
  const apart = /^(annotations|questions)$/i.test(basename(folder));
  const root = apart ? dirname(folder) : folder;
  if (TABLE.test(path)) return { root: folder, lists: [readTable(path, options)] };
  if (TOKENS.test(path)) return { root: folder, lists: [readTokens(path, options)] };
  if (/\.txt$/i.test(path)) return { root: folder, lists: [readTable(path, options)] };
  if (!/\.json$/i.test(path)) return undefined;
  const json = await readJsonFile(path, options.signal);
  const layout = layoutOf(json);
  if (layout === 'folder') return { root: folder, lists: [readTable(path, { ...options, rows: json })] };
  return layout && { root, lists: [listOfFile(path, { ...options, root, layout, json })] };
}

function layoutOf(json: unknown): Layout | undefined {
  if (Array.isArray(json)) return 'folder';
  if (listOf(json, 'questions')) return 'vqa';
  const images = listOf(json, 'images');
  if (!images) return undefined;
  return images.some((image) => isJson(image) && 'sentences' in image) ? 'karpathy' : 'coco';
}

interface FileOptions extends ListOptions {
  readonly root: string;
  readonly layout: Layout;
  /** The file's content, where it was read already. */
  readonly json?: unknown;
}

function listOfFile(path: string, options: FileOptions): RawList {
  const { layout, json, signal } = options;
  const load = async (): Promise<unknown> => json ?? readJsonFile(path, signal);
  if (layout === 'coco') return readCoco(path, { ...options, load });
  if (layout === 'karpathy') return readKarpathy(path, { ...options, load });
  return layout === 'vqa' ? readVqa(path, { ...options, load }) : readTokens(path, options);
}
