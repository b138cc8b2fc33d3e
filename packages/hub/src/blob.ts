import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { CachedModel } from './cache.js';
import { isContentOf } from './digest.js';
import { type Asked, HubError, refusal, WrongFileError } from './errors.js';
import { claimPartial, type PartFile } from './partial.js';
import { type Answer, ask, chunks, type Question } from './request.js';
import { retrying } from './retry.js';

/** A file on the hub, as the hub announced it. */
export interface RemoteFile {
  readonly address: string;
  readonly asked: Asked & { readonly file: string };
  readonly etag: string;
  readonly size?: number | undefined;
  /** Most bytes that are taken. */
  readonly most: number;
}

/** The hub has another content under the address than it had announced. */
export class ChangedError extends HubError {
  override readonly name = 'ChangedError';
}

export type Ways = Pick<Question, 'settings' | 'signal'> & {
  /** Bytes of this file so far; fewer than before when it begins anew. */
  readonly onBytes?: (done: number) => void;
};

/**
 * Puts a file's content into the cache and gives its path there. What an earlier run has left is gone on with; what
 * came is checked for its size and its hash.
 * @throws WrongFileError, and nothing is left, where they are not what was announced; ChangedError
 */
export async function fetchBlob(file: RemoteFile, { blobs }: CachedModel, ways: Ways): Promise<string> {
  const blob = join(blobs, file.etag);
  await mkdir(blobs, { recursive: true });
  for (;;) {
    const partial = await claimPartial(blob, { signal: ways.signal, onWait: (size) => ways.onBytes?.(size) });
    if (!partial) return blob;
    try {
      await fill(partial, file, ways);
      await check(partial, file, ways);
    } catch (error) {
      if (!(error instanceof WrongFileError) && !(error instanceof ChangedError)) {
        await partial.release();
        throw error;
      }
      await partial.remove();
      if (error instanceof WrongFileError && partial.size > 0) continue; // what was left may have been damaged
      throw error;
    }
    await partial.close();
    await rename(partial.path, blob).catch(ifMoved);
  }
}

/** Another process, which took this one for dead, may have gone on with the file: it is waited for then. */
function ifMoved(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

async function fill(partial: PartFile, file: RemoteFile, ways: Ways): Promise<void> {
  const { size = Number.POSITIVE_INFINITY } = file;
  const most = Math.min(file.most, size);
  if (partial.size > most) throw wrong(file, 'is shorter than what an earlier run has left');
  let done = file.size === undefined ? 0 : partial.size;
  ways.onBytes?.(done);
  const attempt = async (): Promise<void> => {
    if (done === file.size && done > 0) return;
    const question = { ...ways, from: done };
    const answer = await ask(file.address, question);
    try {
      done = beginning(answer, file, done);
    } catch (error) {
      await answer.response.body?.cancel();
      throw error;
    }
    for await (const chunk of chunks(answer, question)) {
      if (done + chunk.length > most) throw wrong(file, `is longer than ${bytes(most)}`);
      await write(partial, chunk, done);
      done += chunk.length;
      ways.onBytes?.(done);
    }
    if (file.size !== undefined && done < file.size) throw short(file, done);
  };
  await retrying(attempt, { ...ways, reached: () => done });
  if (file.size === undefined) await partial.handle.truncate(done);
}

/** Where the bytes of an answer belong. @throws unless it is a part of the file that was announced */
function beginning({ response, etag }: Answer, file: RemoteFile, from: number): number {
  const { status, headers } = response;
  if (etag !== undefined && etag !== file.etag) {
    throw new ChangedError(`'${file.asked.file}' of '${file.asked.repo}' changes while it is downloaded; try again.`);
  }
  if (status === 416) throw wrong(file, `has not the ${bytes(file.size ?? from)} that were announced`);
  if (status !== 200 && status !== 206) throw refusal(response, file.asked);
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  if (status === 206 && Number(range?.[1] ?? Number.NaN) !== from) {
    throw wrong(file, `came from byte ${range?.[1] ?? '?'} on, not from ${from}`);
  }
  const encoded = headers.has('content-encoding');
  const whole = status === 206 ? range![2]! : encoded ? '*' : (headers.get('content-length') ?? '*');
  if (file.size !== undefined && whole !== '*' && Number(whole) !== file.size) {
    throw wrong(file, `has ${bytes(Number(whole))}, and ${bytes(file.size)} were announced`);
  }
  return status === 206 ? from : 0;
}

async function write({ handle }: PartFile, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
}

async function check({ handle, path }: PartFile, file: RemoteFile, { signal }: Ways): Promise<void> {
  await handle.sync();
  const { size } = await handle.stat();
  if (file.size !== undefined && size !== file.size) {
    throw wrong(file, `has ${bytes(size)}, and ${bytes(file.size)} were announced`);
  }
  if (await isContentOf(file.etag, path, signal)) return;
  throw wrong(file, `does not have the checksum ${file.etag.slice(0, 12)}… that was announced`);
}

const bytes = (count: number): string => `${count.toLocaleString('en')} bytes`;

function short(file: RemoteFile, done: number): WrongFileError {
  return wrong(file, `ends after ${bytes(done)}, and ${bytes(file.size!)} were announced`);
}

function wrong({ asked: { repo, file, endpoint } }: RemoteFile, what: string): WrongFileError {
  return new WrongFileError(`'${file}' of '${repo}' ${what}; it was removed, download it again from ${endpoint}.`);
}
