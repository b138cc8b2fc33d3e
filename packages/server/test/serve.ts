import sharp from 'sharp';
import { type RequestRecord, type ServerOptions, startServer } from '../src/index.js';

/** A server of the test with what it recorded, and what went wrong within it. */
export async function serve(options: ServerOptions = {}) {
  const records: RequestRecord[] = [];
  const errors: unknown[] = [];
  const server = await startServer({
    port: 0,
    threads: 1,
    onRequest: (record) => records.push(record),
    onError: (error) => errors.push(error),
    ...options,
  });
  return { ...server, records, errors, api: `${server.url}/v1` };
}

export type TestServer = Awaited<ReturnType<typeof serve>>;

/** A data URL of bytes. */
export const dataUrl = (bytes: Uint8Array, type = 'image/png'): string =>
  `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;

/** A PNG of a filled circle on white. */
export function disc(color: string, size = 96): Promise<Buffer> {
  const circle = `<circle cx="50" cy="50" r="35" fill="${color}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 100 100"><rect width="100" height="100" fill="white"/>${circle}</svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** A message of the user with an image and perhaps a text. */
export const withImage = (url: string, text?: string) => ({
  role: 'user' as const,
  content: [
    { type: 'image_url' as const, image_url: { url } },
    ...(text === undefined ? [] : [{ type: 'text' as const, text }]),
  ],
});

/** The body of an error. */
export interface ErrorBody {
  readonly error: { readonly message: string; readonly type: string };
}

/** Sends JSON, and reads the JSON of the answer. */
export async function post<T = unknown>(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, json: (await response.json()) as T };
}
