import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** What the hub serves under a name. */
export interface HubFile {
  readonly bytes: Uint8Array;
  /** Lies in a storage of its own, behind a redirect, as large files do. */
  readonly large: boolean;
}

/** How the servers treat one request; each may lie, break or stall. */
export interface Behavior {
  /** Instead of everything else. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Break the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Say nothing more after so many bytes. */
  readonly stallAfter?: number;
  /** Milliseconds before each piece of 64 kB. */
  readonly slow?: number;
  readonly ignoreRange?: boolean;
  /** What is said of the file. */
  readonly etag?: string;
  readonly size?: number;
  /** What is sent in place of the file. */
  readonly bytes?: Uint8Array;
  /** No length is told. */
  readonly chunked?: boolean;
}

export interface Asked {
  readonly server: 'hub' | 'storage';
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

export interface TestHub {
  readonly endpoint: string;
  readonly asked: Asked[];
  /** The files of `org/tiny`. */
  files: Map<string, HubFile>;
  /** The files of further repositories, by the repository's name. */
  readonly repositories: Map<string, Map<string, HubFile>>;
  commit: string;
  /** Decides how each request is treated. */
  behave: (asked: Asked) => Behavior | undefined;
  close(): Promise<void>;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const gitSha1 = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** A folder's files without the golden values, weights in the storage. */
export async function folderFiles(folder: string): Promise<Map<string, HubFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  const names = paths.map((path) => path.split(sep).join('/')).filter((name) => !name.startsWith('golden'));
  const read = async (name: string): Promise<[string, HubFile]> => [
    name,
    { bytes: await readFile(join(folder, name)), large: name.endsWith('.safetensors') },
  ];
  return new Map(await Promise.all(names.map(read)));
}

/** Two real servers: the hub's paths for `org/tiny` and further repositories, and the storage for large files. */
export async function startHub(files: Map<string, HubFile>): Promise<TestHub> {
  const storage = await listening((request, response) => {
    const asked = note('storage', request);
    const [name, repository] = asked.path.slice(1).split('?of=').map(decodeURIComponent) as [string, string?];
    const file = filesOf(repository)?.get(name) as HubFile;
    return sendFile(asked, response, { bytes: file.bytes, ...hub.behave(asked) });
  });
  const server = await listening((request, response) => answer(note('hub', request), response));
  const note = (name: Asked['server'], { method = '', url = '', headers }: IncomingMessage): Asked => {
    const { range, authorization } = headers;
    const asked = { server: name, method, path: url, range, authorization };
    hub.asked.push(asked);
    return asked;
  };
  const hub: TestHub = {
    endpoint: addressOf(server),
    asked: [],
    files,
    repositories: new Map(),
    commit: COMMIT,
    behave: () => undefined,
    close: async () => {
      await Promise.all([server, storage].map(stopped));
    },
  };

  const filesOf = (repository = 'org/tiny') =>
    repository === 'org/tiny' ? hub.files : hub.repositories.get(repository);

  async function answer(asked: Asked, response: ServerResponse): Promise<void> {
    const behavior = hub.behave(asked) ?? {};
    const [, id = '', blobs] = /^\/api\/models\/(.+)\/revision\/[^?]*(\?blobs=true)?$/.exec(asked.path) ?? [];
    const listed = id ? filesOf(id) : undefined;
    if (listed) {
      const siblings = [...listed].map(([rfilename, file]) => ({ rfilename, ...(blobs ? blobInfo(file) : {}) }));
      const bytes = Buffer.from(JSON.stringify({ id, sha: hub.commit, siblings }));
      return sendFile(asked, response, { bytes, ...behavior });
    }
    const [, repository, revision = '', name = ''] = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(asked.path) ?? [];
    const file = repository && [hub.commit, 'main'].includes(revision) ? filesOf(repository)?.get(name) : undefined;
    if (!file) return sendFile(asked, response, { bytes: Buffer.from('Not Found'), status: 404, ...behavior });
    const { bytes, large } = file;
    const headers = { 'x-repo-commit': hub.commit, ...behavior.headers };
    if (!large || behavior.status) {
      return sendFile(asked, response, { bytes, etag: gitSha1(bytes), ...behavior, headers });
    }
    const { etag = sha256(bytes), size = bytes.length } = behavior;
    response.writeHead(302, {
      location: `${addressOf(storage)}/${encodeURIComponent(name)}${repository === 'org/tiny' ? '' : `?of=${encodeURIComponent(repository as string)}`}`,
      'x-linked-etag': `"${etag}"`,
      'x-linked-size': String(size),
      'x-repo-commit': hub.commit,
      'content-length': '0',
    });
    response.end();
  }
  return hub;
}

/** What the hub states of a file where it is asked for `blobs`. */
function blobInfo({ bytes, large }: HubFile): object {
  const known = { size: bytes.length, blobId: gitSha1(bytes) };
  return large ? { ...known, lfs: { size: bytes.length, sha256: sha256(bytes), pointerSize: 130 } } : known;
}

/** Lets pages of other origins read answers, as the hub and its storage do. */
const anyOrigin: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, range',
  'access-control-expose-headers': 'content-range, etag, x-linked-etag, x-linked-size, x-repo-commit',
  'cross-origin-resource-policy': 'cross-origin',
};

async function sendFile(asked: Asked, response: ServerResponse, what: Behavior & { bytes: Uint8Array }): Promise<void> {
  const { bytes, status = 200, etag, chunked, slow, cutAfter = Infinity, stallAfter = Infinity } = what;
  const [, start = 0, last] = (!what.ignoreRange && /^bytes=(\d+)-(\d*)$/.exec(asked.range ?? '')) || [];
  const from = Number(start);
  if (last) return sendPart(response, bytes, [from, Math.min(bytes.length, Number(last) + 1)]);
  const headers: Record<string, string> = { ...(etag && { etag: `W/"${etag}"` }) };
  if (from > 0 && from >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  if (from > 0) headers['content-range'] = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  const announced = asked.server === 'hub' ? (what.size ?? bytes.length) : bytes.length;
  if (!chunked) headers['content-length'] = String(announced - from);
  response.writeHead(from > 0 ? 206 : status, { ...headers, ...what.headers });
  if (asked.method === 'HEAD') {
    response.end();
    return;
  }
  const piece = 2 ** 16;
  for (let at = from; at < bytes.length && !response.destroyed; at += piece) {
    const sent = at - from;
    if (slow) await sleep(slow);
    if (sent + piece > Math.min(cutAfter, stallAfter)) {
      const part = bytes.subarray(at, from + Math.min(cutAfter, stallAfter));
      await new Promise<void>((resolve) => response.write(part, () => resolve()));
      if (cutAfter <= stallAfter) {
        await sleep(50); // what the other side has not read by then is lost to it
        response.socket?.end();
      }
      return;
    }
    response.write(bytes.subarray(at, Math.min(bytes.length, at + piece)));
  }
  response.end();
}

function sendPart(response: ServerResponse, bytes: Uint8Array, [from, to]: readonly [number, number]): void {
  const headers = { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}`, 'content-length': String(to - from) };
  response.writeHead(206, headers).end(bytes.subarray(from, to));
}

type Handler = (...args: Parameters<RequestListener>) => Promise<void>;

async function listening(handler: Handler): Promise<Server> {
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(anyOrigin)) response.setHeader(name, value);
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    handler(request, response).catch((error: Error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

function stopped(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  return closed;
}
