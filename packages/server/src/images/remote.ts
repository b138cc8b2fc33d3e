import { lookup as resolveName } from 'node:dns/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { ApiError } from '../http/errors.js';
import { isPublicAddress } from './addresses.js';

/** How remote images are fetched. */
export interface RemoteOptions {
  /** The most bytes of an image. */
  readonly maxBytes: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Which addresses may be connected to. Default: those of the public internet. */
  readonly allows?: (address: string) => boolean;
  /** The addresses of a name. Default: those of the system's resolver. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
}

const REDIRECTS = 3;
const addressesOf = async (name: string): Promise<readonly string[]> =>
  (await resolveName(name, { all: true })).map(({ address }) => address);

/**
 * Fetches an image by http or https. The addresses of each name, that of each redirect too, are checked, and only those that
 * were checked are connected to.
 * @throws ApiError 400 for what may not or cannot be fetched
 */
export async function fetchImage(url: string, options: RemoteOptions): Promise<Uint8Array> {
  const timeout = new AbortController();
  const abort = (): void => timeout.abort(options.signal.reason);
  options.signal.addEventListener('abort', abort, { once: true });
  const late = (): void => timeout.abort(refused(url, `did not come within ${options.seconds} seconds`));
  const timer = setTimeout(late, options.seconds * 1000);
  try {
    options.signal.throwIfAborted();
    let next = url;
    for (let redirects = 0; redirects <= REDIRECTS; redirects++) {
      const found = await fetchOnce(next, { ...options, signal: timeout.signal });
      if (typeof found !== 'string') return found;
      next = found;
    }
    throw refused(url, `leads to more than ${REDIRECTS} others`);
  } catch (error) {
    if (timeout.signal.aborted) throw timeout.signal.reason;
    if (error instanceof ApiError) throw error;
    throw refused(url, `cannot be fetched (${error instanceof Error ? error.message : error})`);
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', abort);
  }
}

/** The bytes at an address, or the address that it redirects to. */
async function fetchOnce(address: string, options: RemoteOptions): Promise<Uint8Array | string> {
  const { allows = isPublicAddress, resolve = addressesOf, signal } = options;
  const url = parse(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) ? [host] : await resolve(host);
  if (addresses.length === 0 || !addresses.every(allows)) {
    throw refused(address, 'is on an address that is not of the public internet');
  }
  const checked: LookupFunction = (_, { all }, callback) => {
    const found = addresses.map((one) => ({ address: one, family: isIP(one) }));
    if (all) callback(null, found);
    else callback(null, found[0]!.address, found[0]!.family);
  };
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const response = await new Promise<IncomingMessage>((answered, failed) => {
    request(url, { lookup: checked, agent: false, signal, headers: { accept: 'image/*' } }, answered)
      .on('error', failed)
      .end();
  });
  try {
    return await read(response, address, options);
  } finally {
    response.destroy();
  }
}

async function read(response: IncomingMessage, url: string, { maxBytes }: RemoteOptions): Promise<Uint8Array | string> {
  const { statusCode = 0, headers } = response;
  if (statusCode >= 300 && statusCode < 400 && headers.location !== undefined) {
    if (!URL.canParse(headers.location, url)) throw refused(url, 'redirects to what is no address');
    return new URL(headers.location, url).href;
  }
  if (statusCode !== 200) throw refused(url, `was answered with status ${statusCode}`);
  const tooLarge = refused(url, `has more than the ${maxBytes} bytes that this server takes`);
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLarge;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function parse(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) throw refused(address, 'is no address of http or https');
  if (url.username || url.password) throw refused(address, 'has a user name or password, which are not sent');
  return url;
}

const SHOWN = 100;
const refused = (url: string, why: string): ApiError => {
  const shown = url.length > SHOWN ? `${url.slice(0, SHOWN)}…` : url;
  return new ApiError(400, `The image '${shown}' ${why}.`, { code: 'invalid_image_url' });
};
