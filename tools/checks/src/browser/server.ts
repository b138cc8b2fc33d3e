import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** With these a page is cross-origin isolated, so that its workers can share memory with it. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export interface Site {
  /** Folders by the path that they are served at. */
  readonly folders: Readonly<Record<string, string>>;
  /** Files by the path that they are served at. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** The page at `/`. */
  readonly page: string;
  readonly isolated: boolean;
  /** Whether parts of files are sent where they are asked for. Default true. */
  readonly ranges?: boolean;
}

/** What was asked of a site. */
export interface SiteRequest {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
}

export interface RunningSite {
  readonly url: string;
  /** All requests so far, in order. */
  readonly asked: SiteRequest[];
  close(): void;
}

/** Serves a site on a free port of this machine. */
export async function serve({ folders, files, page, isolated, ranges = true }: Site): Promise<RunningSite> {
  const asked: SiteRequest[] = [];
  const fileOf = (path: string): string | undefined => {
    const mount = Object.keys(folders).find((prefix) => path.startsWith(prefix));
    return mount && join(folders[mount] as string, normalize(path.slice(mount.length)));
  };
  const server = createServer(async ({ method = 'GET', url, headers }, response) => {
    const path = new URL(url as string, 'http://localhost').pathname;
    const range = ranges ? headers.range : undefined;
    asked.push({ method, path, range });
    try {
      const body = path === '/' ? Buffer.from(page) : (files?.get(path) ?? (await readFile(fileOf(path) ?? '')));
      const type = types[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream';
      send(response, body, { range, headers: { 'Content-Type': type, ...(isolated ? isolation : {}) } });
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    asked,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Sending {
  readonly range: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

function send(response: ServerResponse, body: Uint8Array, { range, headers }: Sending): void {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  if (first === undefined) {
    response.writeHead(200, { ...headers, 'Content-Length': body.length }).end(body);
    return;
  }
  const [from, to] = [Number(first), Math.min(body.length, last ? Number(last) + 1 : body.length)];
  const place = `bytes ${from}-${to - 1}/${body.length}`;
  response
    .writeHead(206, { ...headers, 'Content-Range': place, 'Content-Length': to - from })
    .end(body.subarray(from, to));
}
