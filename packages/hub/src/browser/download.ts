import { HubError, TransientError, WrongFileError } from '../errors.js';
import type { DownloadProgress } from '../options.js';
import { chunks, type RequestOptions, request } from '../request.js';
import { withRetries } from '../retry.js';
import { isContentOf } from './digest.js';
import { appendParts, openParts, removeParts, storedBytes } from './parts.js';
import { type FileVersion, readStored, type StoredModel, writeStored } from './store.js';

/** A file on a server, with what is known of it. */
export interface RemoteFile extends FileVersion {
  readonly path: string;
  readonly address: string;
}

/** A model on a server. */
export interface RemoteModel {
  /** The name on the hub, or the address. */
  readonly name: string;
  readonly files: readonly RemoteFile[];
}

/** Options of `storeModel`. */
export type StoreOptions = Pick<RequestOptions, 'settings' | 'signal'> & {
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
};

const isSame = (a: FileVersion | undefined, b: FileVersion): boolean =>
  a !== undefined && a.size === b.size && a.etag === b.etag;

/** What of a model is stored already: the files that are complete, and the bytes that are missing of the others. */
export async function missingOf(
  folder: string,
  { files }: RemoteModel,
): Promise<{ done: string[]; missing: RemoteFile[]; bytes: number }> {
  const stored = await readStored(folder);
  const done: string[] = [];
  const missing: RemoteFile[] = [];
  let bytes = 0;
  for (const file of files) {
    const same = isSame(stored?.files[file.path], file);
    const there = same ? await storedBytes(folder, file.path) : 0;
    if (same && stored?.done.includes(file.path) && there === file.size) done.push(file.path);
    else {
      missing.push(file);
      bytes += Math.max(0, file.size - there);
    }
  }
  return { done, missing, bytes };
}

/**
 * Downloads what is missing of a model into a folder of the store. A partial download is continued; size and checksum are verified.
 * @throws WrongFileError for a file that differs from what its server states, which is removed
 */
export async function storeModel(folder: string, model: RemoteModel, options: StoreOptions): Promise<StoredModel> {
  const stored = await readStored(folder);
  const { done, missing } = await missingOf(folder, model);
  for (const path of Object.keys(stored?.files ?? {})) {
    const file = model.files.find((one) => one.path === path);
    if (!file || !isSame(stored?.files[path], file)) await removeParts(folder, path);
  }
  const files = Object.fromEntries(
    model.files.map(({ path, size, etag }) => [path, { size, ...(etag !== undefined && { etag }) }]),
  );
  const record = async (): Promise<StoredModel> => {
    const now = { name: model.name, files, done: [...done] };
    await writeStored(folder, now);
    return now;
  };
  await record();
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const file of missing) {
    const onBytes = (bytes: number): void =>
      options.onDownload?.({ file: file.path, done: Math.min(before + bytes, total), total });
    await storeFile(folder, file, { ...options, onBytes });
    done.push(file.path);
    await record();
    before += file.size;
  }
  return record();
}

type FileOptions = StoreOptions & { readonly onBytes: (bytes: number) => void };

/** Downloads a file, a second time where a partial download was damaged. */
async function storeFile(folder: string, file: RemoteFile, options: FileOptions): Promise<void> {
  for (;;) {
    const earlier = await storedBytes(folder, file.path);
    try {
      await fill(folder, file, options);
      await check(folder, file, options);
      return;
    } catch (error) {
      if (!(error instanceof WrongFileError)) throw error;
      await removeParts(folder, file.path);
      if (earlier === 0) throw error;
    }
  }
}

async function fill(folder: string, file: RemoteFile, options: FileOptions): Promise<void> {
  const { size, path, address } = file;
  let done = await storedBytes(folder, path);
  if (done > size) throw wrong(file, 'is shorter than an earlier partial download');
  options.onBytes(done);
  const attempt = async (): Promise<void> => {
    if (done === size && (size > 0 || (await storedBytes(folder, path)) === size)) return;
    const requestOptions = { ...options, from: done };
    const answer = await request(address, requestOptions);
    const { status, headers } = answer.response;
    try {
      if (status !== 200 && status !== 206) {
        throw new HubError(`${address} was answered with ${status}; load the model again later.`);
      }
      const start = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '')?.[1];
      if (status === 206 && Number(start ?? done) !== done)
        throw wrong(file, `was sent from byte ${start}, not ${done}`);
    } catch (error) {
      await answer.response.body?.cancel();
      throw error;
    }
    if (status === 200 && done > 0) {
      await removeParts(folder, path); // no ranges there
      done = 0;
    }
    const parts = await appendParts(folder, path);
    try {
      for await (const chunk of chunks(answer, requestOptions)) {
        if (done + chunk.length > size) throw wrong(file, `is longer than ${bytes(size)}`);
        await parts.write(chunk);
        done += chunk.length;
        options.onBytes(done);
      }
    } finally {
      await parts.close();
    }
    if (done < size) throw new TransientError(`${address} ended after ${bytes(done)} of ${bytes(size)}; try again.`);
  };
  await withRetries(attempt, { ...options, received: () => done });
}

async function check(folder: string, file: RemoteFile, { signal }: FileOptions): Promise<void> {
  const source = await openParts(folder, file.path);
  try {
    if (source.size !== file.size) throw wrong(file, `has ${bytes(source.size)} instead of ${bytes(file.size)}`);
    if (file.etag === undefined || (await isContentOf(file.etag, source, signal))) return;
    throw wrong(file, `does not have the expected checksum ${file.etag.slice(0, 12)}…`);
  } finally {
    await source.close();
  }
}

const bytes = (count: number): string => `${count.toLocaleString('en')} bytes`;

const wrong = ({ path, address }: RemoteFile, what: string): WrongFileError =>
  new WrongFileError(`'${path}' ${what}; it was removed, load the model again from ${new URL(address).origin}.`);
