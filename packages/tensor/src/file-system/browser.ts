import { fileError } from './errors.js';
import type { FolderSource, LocalFiles } from './file-system.js';
import { memoryScratch } from './memory.js';
import { slashPaths } from './slash-paths.js';
import { urlFolder } from './url.js';

const HTTP = /^https?:\/\//;

/** What an address leads to. @throws for any other path: a page has no files of its own, but those of mounted folders */
function served(path: string): [source: FolderSource, path: string] {
  if (!HTTP.test(path) || !URL.canParse(path)) throw fileError('ENOENT', path);
  const url = new URL(path);
  return [urlFolder(new URL('/', url)), decodeURIComponent(url.pathname.slice(1))];
}

const readOnly = async (path: string): Promise<never> => {
  throw fileError(HTTP.test(path) ? 'EROFS' : 'ENOENT', path);
};

/** The files of a page: what servers have. Folders that it was given are mounted. */
export const local: LocalFiles = {
  async status(path) {
    const [source, below] = served(path);
    const found = await source.status(below);
    if (found) return found;
    throw fileError('ENOENT', path);
  },
  async list(path) {
    throw fileError(HTTP.test(path) ? 'ENOTSUP' : 'ENOENT', path);
  },
  async read(path) {
    const opened = await local.open(path);
    const bytes = await opened.read(0, opened.size).finally(() => opened.close());
    return bytes as Uint8Array<ArrayBuffer>;
  },
  async open(path) {
    const [source, below] = served(path);
    const found = await source.status(below);
    if (!found) throw fileError('ENOENT', path);
    if (found.kind !== 'file') throw fileError('EISDIR', path);
    return source.open(below);
  },
  create: readOnly,
  write: readOnly,
  append: readOnly,
  makeFolder: readOnly,
  rename: readOnly,
  remove: readOnly,
  realPath: async (path) => path,
  sync: readOnly,
  scratch: async () => memoryScratch(),
  fromUrl(url) {
    if (HTTP.test(url.href)) return url.href.replace(/[?#].*$/, '').replace(/\/$/, '');
    throw new Error(`'${url.href}' is not an http address; give one, or mount a folder and give its path.`);
  },
  paths: slashPaths,
  environment: () => ({}),
  home: () => '',
};
