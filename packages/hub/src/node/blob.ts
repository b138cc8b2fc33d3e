import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { HubError, type RequestedFile, refusal, WrongFileError } from '../errors.js';
import { chunks, type HubResponse, type RequestOptions, request } from '../request.js';
import { withRetries } from '../retry.js';
import type { ModelFolders } from './cache.js';
import { isContentOf } from './digest.js';
import { claimPartial, type PartFile } from './partial.js';

/** A file on the hub as the hub describes it. */
export interface RemoteFile {
  readonly address: string;
  readonly requested: RequestedFile & { readonly file: string };
  readonly etag: string;
  readonly size?: number | undefined;
  /** The maximum size in bytes that is accepted. */
  readonly maxBytes: number;
}

/** The file on the hub changed while it was downloaded. */
export class ChangedError extends HubError {
  override readonly name = 'ChangedError';
}

/** Options of `fetchBlob`. */
export type FetchOptions = Pick<RequestOptions, 'settings' | 'signal'> & {
  /** Called with the bytes of this file so far; they decrease when a download starts over. */
  readonly onBytes?: (done: number) => void;
};

/**
 * Downloads a file's content into the cache and returns its path there. A partial download is continued; size and hash are
 * verified.
 * @throws WrongFileError where they differ, and the content is removed; ChangedError
 */
export async function fetchBlob(file: RemoteFile, { blobs }: ModelFolders, options: FetchOptions): Promise<string> {
  const blob = join(blobs, file.etag);
  await mkdir(blobs, { recursive: true });
  for (;;) {
    const partial = await claimPartial(blob, { signal: options.signal, onWait: (size) => options.onBytes?.(size) });
    if (!partial) return blob;
    try {
      await fill(partial, file, options);
      await check(partial, file, options);
    } catch (error) {
      if (!(error instanceof WrongFileError) && !(error instanceof ChangedError)) {
        await partial.release();
        throw error;
      }
      await partial.remove();
      if (error instanceof WrongFileError && partial.size > 0) continue; // the partial download may have been damaged
      throw error;
    }
    await partial.close();
    await rename(partial.path, blob).catch(ignoreMoved);
  }
}

/** Another process may have taken over the file: it is then waited for. */
function ignoreMoved(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

async function fill(partial: PartFile, file: RemoteFile, options: FetchOptions): Promise<void> {
  const { size = Number.POSITIVE_INFINITY } = file;
  const maxBytes = Math.min(file.maxBytes, size);
  if (partial.size > maxBytes) throw wrong(file, 'is shorter than an earlier partial download');
  let done = file.size === undefined ? 0 : partial.size;
  options.onBytes?.(done);
  const attempt = async (): Promise<void> => {
    if (done === file.size && done > 0) return;
    const requestOptions = { ...options, from: done };
    const answer = await request(file.address, requestOptions);
    try {
      done = offsetOf(answer, file, done);
    } catch (error) {
      await answer.response.body?.cancel();
      throw error;
    }
    for await (const chunk of chunks(answer, requestOptions)) {
      if (done + chunk.length > maxBytes) throw wrong(file, `is longer than ${bytes(maxBytes)}`);
      await write(partial, chunk, done);
      done += chunk.length;
      options.onBytes?.(done);
    }
    if (file.size !== undefined && done < file.size) throw short(file, done);
  };
  await withRetries(attempt, { ...options, received: () => done });
  if (file.size === undefined) await partial.handle.truncate(done);
}

/** The offset in the file of a response's bytes. @throws unless it is a part of the expected file */
function offsetOf({ response, etag }: HubResponse, file: RemoteFile, from: number): number {
  const { status, headers } = response;
  if (etag !== undefined && etag !== file.etag) {
    throw new ChangedError(
      `'${file.requested.file}' of '${file.requested.repo}' changed while it was downloaded; try again.`,
    );
  }
  if (status === 416) throw wrong(file, `does not have the expected ${bytes(file.size ?? from)}`);
  if (status !== 200 && status !== 206) throw refusal(response, file.requested);
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  if (status === 206 && Number(range?.[1] ?? Number.NaN) !== from) {
    throw wrong(file, `was sent from byte ${range?.[1] ?? '?'}, not from ${from}`);
  }
  const encoded = headers.has('content-encoding');
  const whole = status === 206 ? range![2]! : encoded ? '*' : (headers.get('content-length') ?? '*');
  if (file.size !== undefined && whole !== '*' && Number(whole) !== file.size) {
    throw wrong(file, `has ${bytes(Number(whole))} instead of ${bytes(file.size)}`);
  }
  return status === 206 ? from : 0;
}

async function write({ handle }: PartFile, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
}

async function check({ handle, path }: PartFile, file: RemoteFile, { signal }: FetchOptions): Promise<void> {
  await handle.sync();
  const { size } = await handle.stat();
  if (file.size !== undefined && size !== file.size) {
    throw wrong(file, `has ${bytes(size)} instead of ${bytes(file.size)}`);
  }
  if (await isContentOf(file.etag, path, signal)) return;
  throw wrong(file, `does not have the expected checksum ${file.etag.slice(0, 12)}…`);
}

const bytes = (count: number): string => `${count.toLocaleString('en')} bytes`;

function short(file: RemoteFile, done: number): WrongFileError {
  return wrong(file, `ends after ${bytes(done)} of ${bytes(file.size!)}`);
}

function wrong({ requested: { repo, file, endpoint } }: RemoteFile, what: string): WrongFileError {
  return new WrongFileError(`'${file}' of '${repo}' ${what}; it was removed, download it again from ${endpoint}.`);
}
