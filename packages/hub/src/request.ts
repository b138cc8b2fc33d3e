import { transport } from '#transport';
import { HubError, networkReason, TransientError } from './errors.js';
import type { HubSettings } from './settings.js';

/** Options of a request. */
export interface RequestOptions {
  readonly settings: HubSettings;
  readonly method?: 'GET' | 'HEAD';
  /** The first byte to request. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A response, with the etag and size that the hub stated before it redirected to the storage. */
export interface HubResponse {
  readonly response: Response;
  readonly etag?: string | undefined;
  readonly size?: number | undefined;
}

const { names } = transport;

const HOPS = 10;
const BUSY = new Set([408, 425, 429, 500, 502, 503, 504]);
const MOVED = new Set([301, 302, 303, 307, 308]);

/**
 * Sends a request and follows redirects. The token is sent to the endpoint's origin only (in a page the browser follows, and sees to
 * that). A HEAD request stops when the hub has stated the etag of the linked file: the storage need not support HEAD.
 * @throws TransientError for errors after which a retry may succeed
 */
export async function request(
  address: string,
  { settings, method = 'GET', from, signal }: RequestOptions,
): Promise<HubResponse> {
  const home = new URL(settings.endpoint).origin;
  const linked: { etag?: string | undefined; size?: number | undefined } = {};
  let url = new URL(address);
  let away = false;
  for (let hop = 0; hop < HOPS; hop++) {
    const headers: Record<string, string> = { ...transport.headers };
    if (settings.token && url.origin === home) headers.authorization = `Bearer ${settings.token}`;
    if (from) headers.range = `bytes=${from}-`;
    const response = await send(
      url,
      { method, headers, redirect: transport.redirect, signal: signal ?? null },
      settings,
    );
    linked.etag ??= normal(response.headers.get('x-linked-etag'));
    linked.size ??= size(response.headers.get('x-linked-size'));
    if (BUSY.has(response.status)) throw await busy(response, url);
    const location = MOVED.has(response.status) ? response.headers.get('location') : null;
    const next = location !== null && URL.canParse(location, url) ? new URL(location, url) : undefined;
    const known = method === 'HEAD' && linked.etag !== undefined && next?.origin !== home;
    if (location === null || known) return { response, ...statedBy(response, { linked, away, from, method }) };
    await response.body?.cancel();
    if (!next || !/^https?:$/.test(next.protocol)) break;
    url = next;
    away ||= url.origin !== home;
  }
  throw new HubError(`${address} redirects to no valid address; check ${names.endpoint}.`);
}

interface Hop {
  readonly linked: Pick<HubResponse, 'etag' | 'size'>;
  /** Whether the hub redirected to another server, whose etags differ from the hub's. */
  readonly away: boolean;
  readonly from: number | undefined;
  readonly method: string;
}

/** The etag and size of the last response, where the hub stated none before. */
function statedBy(
  { status, headers }: Response,
  { linked, away, from, method }: Hop,
): Pick<HubResponse, 'etag' | 'size'> {
  const own = away && method === 'GET' ? undefined : normal(headers.get('etag'));
  const plain = !MOVED.has(status) && !headers.has('content-encoding') && !from;
  const length = plain ? size(headers.get('content-length')) : undefined;
  return { etag: linked.etag ?? own, size: linked.size ?? length };
}

async function send(url: URL, init: RequestInit, { stallTimeout }: HubSettings): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), stallTimeout);
  try {
    return await fetch(url, {
      ...init,
      signal: init.signal ? AbortSignal.any([init.signal, late.signal]) : late.signal,
    });
  } catch (error) {
    init.signal?.throwIfAborted();
    const why = late.signal.aborted ? 'it does not answer' : networkReason(error);
    throw new TransientError(`${url.origin} cannot be reached: ${why}; check the connection and try again.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

async function busy(response: Response, url: URL): Promise<TransientError> {
  await response.body?.cancel();
  const retryAfter = response.headers.get('retry-after') ?? '';
  const wait = /^\d+$/.test(retryAfter) ? 1000 * Number(retryAfter) : undefined;
  const what = response.status === 429 ? 'gets too many requests' : 'has a server error';
  return new TransientError(`${url.origin} ${what} (${response.status}); try again later.`, { wait });
}

const size = (text: string | null): number | undefined =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

const normal = (etag: string | null): string | undefined => etag?.replace(/^W\//, '').replaceAll('"', '') || undefined;

/** Yields the chunks of a response's body. @throws TransientError for a connection that stalls or breaks */
export async function* chunks(
  { response }: HubResponse,
  { settings, signal }: RequestOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  if (!reader) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const broken = (why: string, cause?: unknown): TransientError => {
    const { host } = new URL(response.url);
    return new TransientError(`The connection to ${host} broke: ${why}; try again to continue the download.`, {
      cause,
    });
  };
  try {
    for (;;) {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(broken('no more data arrived')), settings.stallTimeout);
      });
      const { done, value } = await Promise.race([reader.read(), late]);
      clearTimeout(timer);
      if (done) return;
      yield value;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof HubError ? error : broken(networkReason(error), error);
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
}
