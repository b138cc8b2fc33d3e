import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpOptions } from '../options.js';

/** What a server says of a file. */
export interface RemoteFile {
  readonly size?: number;
  /** ETag, or else the time of the last change. */
  readonly version?: string;
}

/** What requests need. */
export interface FetchOptions extends HttpOptions {
  readonly signal?: AbortSignal | undefined;
}

const TIMEOUT = 30_000;
const MAX_BYTES = 10_000_000_000;
const RETRIES = 4;
const BUSY = new Set([408, 425, 429, 500, 502, 503, 504]);
/** Statuses of servers that know no HEAD, or sign addresses for GET alone. */
const NO_HEAD = new Set([400, 401, 403, 405, 501]);

/** After which the same may be tried again. */
class Transient extends Error {}

/**
 * Asks for the size and version of a remote file.
 * @throws where there is none, or the server does not answer
 */
export async function probe(url: string, options: FetchOptions): Promise<RemoteFile> {
  return retried(options, async () => {
    let response = await send(url, { method: 'HEAD' }, options);
    if (NO_HEAD.has(response.status)) {
      response = await send(url, { method: 'GET', headers: { range: 'bytes=0-0' } }, options);
    }
    await response.body?.cancel();
    accept(url, response);
    return remoteFile(url, response, options);
  });
}

/**
 * Yields the bytes of a remote file as they arrive. A connection that breaks or stalls is continued where it broke off.
 * @throws where the server refuses, the file is too large or has changed meanwhile, or too many connections break
 */
export async function* download(url: string, options: FetchOptions): AsyncGenerator<Uint8Array> {
  const { maxBytes = MAX_BYTES, signal } = options;
  let received = 0;
  let known: RemoteFile | undefined;
  let failures = 0;
  for (;;) {
    const start = received;
    try {
      const headers = received > 0 ? { range: `bytes=${received}-` } : {};
      const response = await send(url, { method: 'GET', headers }, options);
      accept(url, response);
      const file = remoteFile(url, response, options);
      if (known && (differ(known.version, file.version) || differ(known.size, file.size))) {
        throw changed(url);
      }
      known = { ...known, ...file };
      let skip = response.status === 206 ? 0 : received;
      for await (const chunk of chunksOf(url, response, options)) {
        const part = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - part.length;
        received += part.length;
        if (received > maxBytes) throw new Error(`${url} has more than ${maxBytes} bytes; allow more, or split it.`);
        if (part.length > 0) yield part;
      }
      if (known.size !== undefined && received < known.size) throw new Transient(`${url} ended early.`);
      return;
    } catch (error) {
      signal?.throwIfAborted();
      failures = received > start ? 1 : failures + 1;
      await pauseOrThrow(error, failures, options);
    }
  }
}

/** Whether both are known, and not the same. */
const differ = <T>(a: T | undefined, b: T | undefined): boolean => a !== undefined && b !== undefined && a !== b;

/** A part of a remote file. */
export interface PartOptions extends FetchOptions {
  readonly from: number;
  readonly size: number;
  /** What the file had been when it was asked for. */
  readonly version: string | undefined;
}

/**
 * Reads a part of a remote file.
 * @throws where the server gives no parts, or the file has changed
 */
export function downloadPart(url: string, options: PartOptions): Promise<Uint8Array> {
  const { from, size, version } = options;
  return retried(options, async () => {
    const headers = { range: `bytes=${from}-${from + size - 1}` };
    const response = await send(url, { method: 'GET', headers }, options);
    if (response.status === 200) await response.body?.cancel();
    if (response.status === 200) throw new Error(`${url} is not sent in parts; download it first.`);
    accept(url, response);
    if (differ(version, remoteFile(url, response, options).version)) throw changed(url);
    const bytes = new Uint8Array(size);
    let at = 0;
    for await (const chunk of chunksOf(url, response, options)) {
      if (at + chunk.length > size) throw new Error(`${url} sends more than it was asked for; download it first.`);
      bytes.set(chunk, at);
      at += chunk.length;
    }
    if (at < size) throw new Transient(`${url} ended early.`);
    return bytes;
  });
}

const changed = (url: string): Error => new Error(`${url} has changed while it was read; start again.`);

async function send(
  url: string,
  init: RequestInit,
  { headers, timeout = TIMEOUT, signal }: FetchOptions,
): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeout);
  try {
    const response = await fetch(url, {
      ...init,
      headers: { 'accept-encoding': 'identity', ...headers, ...(init.headers as Record<string, string>) },
      signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal,
    });
    if (!BUSY.has(response.status)) return response;
    await response.body?.cancel();
    throw new Transient(`${url} answers ${response.status}; try again later.`);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Transient) throw error;
    const why = late.signal.aborted ? `there is no answer for ${timeout} ms` : reasonOf(error);
    throw new Transient(`${url} cannot be reached (${why}); check the address and the connection.`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

async function* chunksOf(
  url: string,
  { body }: Response,
  { timeout = TIMEOUT }: FetchOptions,
): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader();
  if (!reader) return;
  let timer: NodeJS.Timeout | undefined;
  try {
    for (;;) {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no data came for ${timeout} ms`)), timeout);
      });
      const { done, value } = await Promise.race([reader.read(), late]).catch((error: unknown) => {
        throw new Transient(`The connection to ${url} broke (${reasonOf(error)}); try again.`, { cause: error });
      });
      clearTimeout(timer);
      if (done) return;
      yield value;
    }
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
}

/** @throws for a status of refusal */
function accept(url: string, { status }: Response): void {
  if (status === 200 || status === 206) return;
  const what = status === 404 || status === 410 ? 'check the address' : 'check the address and who may read it';
  throw new Error(`${url} answers ${status}; ${what}.`);
}

/** @throws for a file that is too large */
function remoteFile(url: string, { headers }: Response, { maxBytes = MAX_BYTES }: HttpOptions): RemoteFile {
  const range = /\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')?.[1];
  const text = range ?? (headers.has('content-encoding') ? undefined : headers.get('content-length'));
  const size = text !== undefined && text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (size !== undefined && size > maxBytes) {
    throw new Error(`${url} has ${size} bytes, more than ${maxBytes}; allow more, or split it.`);
  }
  const version = headers.get('etag')?.replace(/^W\//, '') ?? headers.get('last-modified') ?? undefined;
  return { ...(size !== undefined && { size }), ...(version !== undefined && { version }) };
}

async function retried<T>(options: FetchOptions, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      options.signal?.throwIfAborted();
      await pauseOrThrow(error, failures, options);
    }
  }
}

async function pauseOrThrow(
  error: unknown,
  failures: number,
  { retries = RETRIES, retryDelay = 500, signal }: FetchOptions,
): Promise<void> {
  if (!(error instanceof Transient) || failures > retries) throw error;
  await sleep(Math.min(retryDelay * 2 ** (failures - 1), 30_000), undefined, signal && { signal }).catch(() => {});
  signal?.throwIfAborted();
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? message;
}
