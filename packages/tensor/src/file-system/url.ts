import { type ByteSource, blobSource, memorySource } from './byte-source.js';
import type { FileStatus, FolderSource } from './file-system.js';

/** Options of `urlFolder`. */
export interface UrlFolderOptions {
  /**
   * The addresses of all files by path, where bundlers have given each a name of its own. Default: a file's address is its path
   * below `base`.
   */
  readonly files?: ReadonlyMap<string, URL> | undefined;
  /** Headers of every request, such as `authorization`. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Stops requests: they then throw the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes of a range at least: tensors are often smaller, and follow each other. Where reading begins it is a header alone. */
const WINDOW = { first: 2 ** 17, largest: 2 ** 23, growth: 4 };
/** Delays before a request is repeated, in milliseconds. */
const DELAYS = [300, 1500];

/** Names of files; whatever else is asked for is taken for a folder, as servers do not say. */
const FILE = /\.(jsonl?|safetensors|bin|pth?|ckpt|gguf|usearch|csv|txt|md|html|js|png|jpe?g|webp|gif|bmp|avif|tiff?)$/i;

/**
 * The folder at an address, read over HTTP. JSON files are requested as a whole, once; others by range requests, headers first and
 * then what is read, so that no second copy of a file is held. Of a server that knows no ranges the file is held by the browser.
 * A page of HTML in place of a file, as some servers answer for whatever they do not have, counts as absent.
 * @param base the address of the folder
 */
export function urlFolder(base: URL, { files, ...options }: UrlFolderOptions = {}): FolderSource {
  const root = base.href.replace(/[?#].*$/, '').replace(/\/*$/, '/');
  const addressOf = (path: string): string | undefined => {
    if (files) return files.get(path)?.href;
    if (path === '' || !FILE.test(path)) return undefined;
    return root + path.split('/').map(encodeURIComponent).join('/');
  };
  const known = new Map<string, Promise<UrlFile | undefined>>();
  const find = (path: string): Promise<UrlFile | undefined> => {
    const address = addressOf(path);
    if (address === undefined) return Promise.resolve(undefined);
    const found = known.get(path) ?? probe(address, options);
    known.set(path, found);
    found.catch(() => known.delete(path)); // another attempt may succeed
    return found;
  };
  const isFolder = (path: string): boolean =>
    files ? path === '' || [...files.keys()].some((file) => file.startsWith(`${path}/`)) : !FILE.test(path);
  return {
    async status(path): Promise<FileStatus | undefined> {
      if (isFolder(path)) return { kind: 'folder', size: 0, modified: 0 };
      const file = await find(path);
      return file && { kind: 'file', size: file.size, modified: 0 };
    },
    async open(path) {
      const file = await find(path);
      if (!file) throw new Error(`There is no file at ${addressOf(path) ?? root + path}; check the address.`);
      return file.open();
    },
  };
}

/** A file on a server that is known to be there. */
interface UrlFile {
  readonly size: number;
  open(): Promise<ByteSource>;
}

type Request = Omit<UrlFolderOptions, 'files'>;

/** Asks for a file: whole where it is small by its name, else for its size. @returns undefined where there is none */
async function probe(address: string, options: Request): Promise<UrlFile | undefined> {
  if (/\.json$/i.test(address)) {
    const response = await send(address, options);
    if (!isFile(response, address)) return undefined;
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { size: bytes.length, open: async () => memorySource(bytes) };
  }
  const head = await send(address, { ...options, method: 'HEAD' });
  if (head.ok && head.headers.has('content-length') && !head.headers.has('content-encoding')) {
    return isFile(head, address) ? fileOf(address, Number(head.headers.get('content-length')), options) : undefined;
  }
  if (isAbsent(head)) return undefined;
  // Some servers answer no HEAD, or compress what they send.
  const first = await send(address, { ...options, range: [0, 1] });
  const size = /\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1];
  if (first.status === 206 && size !== undefined) {
    await first.body?.cancel();
    return fileOf(address, Number(size), options);
  }
  if (!isFile(first, address)) return undefined;
  const blob = await first.blob();
  return { size: blob.size, open: async () => blobSource(blob) };
}

const fileOf = (address: string, size: number, options: Request): UrlFile => ({
  size,
  open: async () => rangeSource(address, size, options),
});

/** A file that is read by ranges, at least a window at once. */
function rangeSource(address: string, size: number, options: Request): ByteSource {
  let etag: string | null | undefined;
  let whole: Blob | undefined;
  let window = { from: 0, bytes: new Uint8Array(0) };
  let ahead = WINDOW.first;

  async function fetched(from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    if (whole) return new Uint8Array(await whole.slice(from, to).arrayBuffer());
    const response = await send(address, { ...options, range: [from, to] });
    const tag = response.headers.get('etag');
    etag ??= tag;
    if (tag !== etag) throw new Error(`${address} changed while it was read; load the model again.`);
    if (response.status === 206) return new Uint8Array(await response.arrayBuffer());
    if (!isFile(response, address)) throw new Error(`${address} is no longer there; check the address.`);
    whole = await response.blob(); // no ranges here
    return fetched(from, to);
  }

  return {
    size,
    async read(offset, length) {
      const end = Math.min(size, offset + length);
      if (offset >= end) return new Uint8Array(0);
      if (offset < window.from || end > window.from + window.bytes.length) {
        if (end - offset >= ahead) return fetched(offset, end);
        window = { from: offset, bytes: await fetched(offset, Math.min(size, offset + ahead)) };
        ahead = Math.min(WINDOW.largest, WINDOW.growth * ahead);
      }
      return window.bytes.slice(offset - window.from, end - window.from);
    },
    close: async () => {
      window = { from: 0, bytes: new Uint8Array(0) };
      whole = undefined;
    },
  };
}

interface Sent extends Request {
  readonly method?: 'HEAD';
  /** First byte, and the one after the last. */
  readonly range?: readonly [from: number, to: number];
}

const isAbsent = ({ status }: Response): boolean => status === 404 || status === 410;

/** Whether a response is that of a file. @throws for a status that says neither that it is there nor that it is not */
function isFile(response: Response, address: string): boolean {
  if (isAbsent(response)) return false;
  if (!response.ok) {
    throw new Error(`${address} was answered with ${response.status} ${response.statusText}; check the address.`);
  }
  return !/^text\/html\b/.test(response.headers.get('content-type') ?? '') || /\.html?$/.test(address);
}

/** Sends a request, again where the connection fails or the server is busy. */
async function send(address: string, { method, range, headers = {}, signal }: Sent): Promise<Response> {
  for (let tries = 0; ; tries++) {
    const delay = DELAYS[tries];
    try {
      const response = await fetch(address, {
        method: method ?? 'GET',
        headers: { ...headers, ...(range && { range: `bytes=${range[0]}-${range[1] - 1}` }) },
        signal: signal ?? null,
      });
      if (response.status < 500 || delay === undefined) return response;
      await response.body?.cancel();
    } catch (cause) {
      signal?.throwIfAborted();
      if (delay === undefined) {
        throw new Error(`${new URL(address).origin} cannot be reached; check the connection and try again.`, { cause });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}
