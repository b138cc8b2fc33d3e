import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
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
  /** The page at `/`. */
  readonly page: string;
  readonly isolated: boolean;
}

/** Serves a site on a free port of this machine. */
export async function serve({ folders, page, isolated }: Site): Promise<{ url: string; close: () => void }> {
  const fileOf = (path: string): string | undefined => {
    const mount = Object.keys(folders).find((prefix) => path.startsWith(prefix));
    return mount && join(folders[mount] as string, normalize(path.slice(mount.length)));
  };
  const server = createServer(async (request, response) => {
    const path = new URL(request.url as string, 'http://localhost').pathname;
    try {
      const body = path === '/' ? page : await readFile(fileOf(path) ?? '');
      const type = types[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { 'Content-Type': type, ...(isolated ? isolation : {}) }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
