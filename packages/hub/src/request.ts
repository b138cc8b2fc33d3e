import { HubError, networkTrouble, PassingError } from './errors.js';
import type { HubSettings } from './settings.js';

export interface Question {
  readonly settings: HubSettings;
  readonly method?: 'GET' | 'HEAD';
  /** First byte that is wanted. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
}

/** An answer, and what the hub said of the file before it sent us on to where the bytes lie. */
export interface Answer {
  readonly response: Response;
  readonly etag?: string | undefined;
  readonly size?: number | undefined;
}

const HOPS = 10;
const BUSY = new Set([408, 425, 429, 500, 502, 503, 504]);
const MOVED = new Set([301, 302, 303, 307, 308]);

/**
 * One request. Redirects are followed; the token goes to the endpoint's own origin only. A HEAD stops where the hub has
 * told the etag of what it links to: storage behind it need not answer one.
 * @throws PassingError for what may work when tried again
 */
export async function ask(address: string, { settings, method = 'GET', from, signal }: Question): Promise<Answer> {
  const home = new URL(settings.endpoint).origin;
  const linked: { etag?: string | undefined; size?: number | undefined } = {};
  let url = new URL(address);
  let away = false;
  for (let hop = 0; hop < HOPS; hop++) {
    const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'blip2' };
    if (settings.token && url.origin === home) headers.authorization = `Bearer ${settings.token}`;
    if (from) headers.range = `bytes=${from}-`;
    const response = await send(url, { method, headers, redirect: 'manual', signal: signal ?? null }, settings);
    linked.etag ??= normal(response.headers.get('x-linked-etag'));
    linked.size ??= size(response.headers.get('x-linked-size'));
    if (BUSY.has(response.status)) throw await busy(response, url);
    const location = MOVED.has(response.status) ? response.headers.get('location') : null;
    const next = location !== null && URL.canParse(location, url) ? new URL(location, url) : undefined;
    const known = method === 'HEAD' && linked.etag !== undefined && next?.origin !== home;
    if (location === null || known) return { response, ...said(response, { linked, away, from, method }) };
    await response.body?.cancel();
    if (!next || !/^https?:$/.test(next.protocol)) break;
    url = next;
    away ||= url.origin !== home;
  }
  throw new HubError(`${address} leads nowhere; check HF_ENDPOINT.`);
}

interface Way {
  readonly linked: Pick<Answer, 'etag' | 'size'>;
  /** Whether the hub has sent us to another server, whose etags are its own. */
  readonly away: boolean;
  readonly from: number | undefined;
  readonly method: string;
}

/** The etag and the size that the last answer tells, where none before it did. */
function said({ status, headers }: Response, { linked, away, from, method }: Way): Pick<Answer, 'etag' | 'size'> {
  const own = away && method === 'GET' ? undefined : normal(headers.get('etag'));
  const plain = !MOVED.has(status) && !headers.has('content-encoding') && !from;
  const length = plain ? size(headers.get('content-length')) : undefined;
  return { etag: linked.etag ?? own, size: linked.size ?? length };
}

async function send(url: URL, init: RequestInit, { stall }: HubSettings): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), stall);
  try {
    return await fetch(url, {
      ...init,
      signal: init.signal ? AbortSignal.any([init.signal, late.signal]) : late.signal,
    });
  } catch (error) {
    init.signal?.throwIfAborted();
    const why = late.signal.aborted ? 'it does not answer' : networkTrouble(error);
    throw new PassingError(`${url.origin} cannot be reached: ${why}; check the connection and try again.`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

async function busy(response: Response, url: URL): Promise<PassingError> {
  await response.body?.cancel();
  const asked = response.headers.get('retry-after') ?? '';
  const wait = /^\d+$/.test(asked) ? 1000 * Number(asked) : undefined;
  const what = response.status === 429 ? 'gets too many requests' : 'is in trouble';
  return new PassingError(`${url.origin} ${what} (${response.status}); try again later.`, { wait });
}

const size = (text: string | null): number | undefined =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

const normal = (etag: string | null): string | undefined => etag?.replace(/^W\//, '').replaceAll('"', '') || undefined;

/** The chunks of an answer's body; one that stalls or breaks is a PassingError. */
export async function* chunks({ response }: Answer, { settings, signal }: Question): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  let timer: NodeJS.Timeout | undefined;
  const cut = (why: string, cause?: unknown): PassingError => {
    const { host } = new URL(response.url);
    return new PassingError(`The connection to ${host} broke: ${why}; try again to go on from there.`, { cause });
  };
  try {
    for (;;) {
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(cut('nothing came any more')), settings.stall);
      });
      const { done, value } = await Promise.race([reader.read(), late]);
      clearTimeout(timer);
      if (done) return;
      yield value;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof HubError ? error : cut(networkTrouble(error), error);
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => {});
  }
}
