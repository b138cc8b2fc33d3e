import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import type { Limits } from '../limits.js';
import { ApiError, ClientClosed } from './errors.js';

/** Counts the bytes of all bodies that are received, or whose requests are not answered yet. */
export class BodyBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The bytes that are held now. */
  get used(): number {
    return this.#used;
  }

  /** @throws ApiError 429 where there are too many */
  take(bytes: number): void {
    if (this.#used + bytes > this.#limit) {
      const options = { code: 'too_many_bytes', retryAfter: 1, close: true };
      throw new ApiError(429, 'The server holds too many bytes of other requests; try again later.', options);
    }
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** What reading a body needs to know. */
export interface BodyOptions {
  readonly limits: Pick<Limits, 'bodyBytes' | 'bodySeconds'>;
  readonly budget: BodyBudget;
  /** Called with the number of bytes that were taken from the budget; the caller gives them back. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * Reads a body of JSON, of which no more is kept than the limit.
 * @throws ApiError 415 for another type, 413 for too many bytes, 408 for a body that is too slow, 400 for what is no JSON
 */
export async function readJsonBody(incoming: IncomingMessage, options: BodyOptions): Promise<unknown> {
  const type = incoming.headers['content-type'] ?? '';
  if (!/^application\/json *(;|$)/i.test(type)) {
    throw new ApiError(415, 'The body must be JSON: send it with content-type application/json.', { close: true });
  }
  const bytes = await readBytes(incoming, options);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ApiError(400, `The body is no JSON: ${(error as Error).message}.`, { code: 'invalid_json' });
  }
}

function readBytes(incoming: IncomingMessage, { limits, budget, onBytes }: BodyOptions): Promise<Uint8Array> {
  const tooLarge = (): ApiError =>
    new ApiError(413, `The body is larger than the ${limits.bodyBytes} bytes that this server takes.`, { close: true });
  if (Number(incoming.headers['content-length'] ?? 0) > limits.bodyBytes) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      incoming.off('data', onData).off('end', onEnd).off('error', onError).off('close', onError);
      finish();
    };
    const fail = (error: Error): void => settle(() => reject(error));
    const onData = (chunk: Uint8Array): void => {
      try {
        if (length + chunk.length > limits.bodyBytes) throw tooLarge();
        budget.take(chunk.length);
      } catch (error) {
        fail(error as Error);
        return;
      }
      length += chunk.length;
      onBytes(chunk.length);
      chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(Buffer.concat(chunks)));
    const onError = (): void => fail(new ClientClosed('The client closed the connection.'));
    const slow = `The body did not come within ${limits.bodySeconds} seconds.`;
    const timer = setTimeout(() => fail(new ApiError(408, slow, { close: true })), limits.bodySeconds * 1000);
    incoming.on('data', onData).on('end', onEnd).on('error', onError).on('close', onError);
  });
}

/** Checks a body. @throws ApiError 400 that names the field and what is wrong with it */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const { data, error } = schema.safeParse(body);
  if (!error) return data as T;
  const { path, message } = deepest(error.issues[0]!);
  const param = path.map(String).join('.');
  throw new ApiError(400, param ? `${param}: ${message}` : message, { ...(param && { param }), code: 'invalid_value' });
}

type Issue = z.core.$ZodIssue;

/** Of the alternatives of a union, what is wrong with the one that fits best. */
function deepest(issue: Issue, prefix: PropertyKey[] = []): { path: PropertyKey[]; message: string } {
  const path = [...prefix, ...issue.path];
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { path, message: issue.message };
  const alternatives = issue.errors.flatMap(([first]) => (first ? [deepest(first, path)] : []));
  const longest = alternatives.sort((a, b) => b.path.length - a.path.length)[0];
  return longest && longest.path.length > path.length ? longest : { path, message: issue.message };
}
