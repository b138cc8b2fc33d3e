import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a local server does amiss. */
export interface Faults {
  /** Breaks the connection after that many bytes of a response, this many times. */
  breakAfter?: number;
  breaks?: number;
  /** Called before a connection is broken. */
  onBreak?: () => void;
  /** Sends nothing more after that many bytes. */
  stallAfter?: number;
  /** Answers the first requests with this status. */
  busy?: { status: number; times: number };
  noHead?: boolean;
  noRange?: boolean;
  /** Announces no length. */
  chunked?: boolean;
}

/** A server of files on this machine. */
export interface Server {
  readonly url: string;
  readonly files: Map<string, Uint8Array>;
  readonly faults: Faults;
  /** Requests as `GET /path bytes=5-`. */
  readonly requests: string[];
}

/** Runs `body` with an http server of files. */
export async function withServer<T>(body: (server: Server) => Promise<T>): Promise<T> {
  const state = { files: new Map<string, Uint8Array>(), faults: {} as Faults, requests: [] as string[] };
  const server = createServer((request, response) => answer(request, response, state));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await body({ ...state, url: `http://127.0.0.1:${port}` });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function answer(request: IncomingMessage, response: ServerResponse, state: Omit<Server, 'url'>): void {
  const { files, faults, requests } = state;
  const path = new URL(request.url ?? '', 'http://x').pathname;
  const { range } = request.headers;
  requests.push([request.method, path, range].filter((part) => part !== undefined).join(' '));
  const file = files.get(path);
  if (faults.busy && faults.busy.times-- > 0) response.writeHead(faults.busy.status).end();
  else if (!file) response.writeHead(404).end('none');
  else if (request.method === 'HEAD' && faults.noHead) response.writeHead(405).end();
  else send(file, { response, range: faults.noRange ? undefined : range, head: request.method === 'HEAD', faults });
}

interface Sending {
  readonly response: ServerResponse;
  readonly range: string | undefined;
  readonly head: boolean;
  readonly faults: Faults;
}

function send(file: Uint8Array, { response, range, head, faults }: Sending): void {
  const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  const part = file.subarray(Number(from), to === '' ? file.length : Number(to) + 1);
  const headers = {
    etag: `"${createHash('sha1').update(file).digest('hex')}"`,
    ...(!faults.chunked && { 'content-length': part.length }),
    ...(range && { 'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${file.length}` }),
  };
  response.writeHead(range ? 206 : 200, headers);
  if (head) response.end();
  else if (faults.stallAfter === 0) response.flushHeaders();
  else if (faults.stallAfter !== undefined) response.write(part.subarray(0, faults.stallAfter));
  else if (faults.breakAfter !== undefined && (faults.breaks ?? 0) > 0 && part.length > faults.breakAfter) {
    faults.breaks = (faults.breaks ?? 0) - 1;
    response.write(part.subarray(0, faults.breakAfter), () => {
      faults.onBreak?.();
      setTimeout(() => response.destroy(), 20); // what was written arrives before
    });
  } else response.end(part);
}
