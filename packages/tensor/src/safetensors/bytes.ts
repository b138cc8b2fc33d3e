import type { ByteSource } from '../file-system/byte-source.js';
import { fileStatus, openFile, pathOfUrl } from '../file-system/index.js';
import { reason, SafetensorsError } from './errors.js';

export type { ByteSource, Bytes } from '../file-system/byte-source.js';
export { blobSource, byteSource, memorySource } from '../file-system/byte-source.js';

/**
 * Converts a `file:` URL, or in a browser that of a server, to a path; a string is returned as it is.
 * @throws SafetensorsError for another protocol
 */
export function toPath(path: string | URL): string {
  if (typeof path === 'string') return path;
  try {
    return pathOfUrl(path);
  } catch (cause) {
    throw new SafetensorsError(path.href, 'this is not a file: URL', 'give a path or a file: URL', { cause });
  }
}

/**
 * Opens a file for positioned reads.
 * @param file path or `file:` URL; in a browser an address, or a path in a mounted folder
 * @throws SafetensorsError for anything but a regular file, as opening a pipe would block; the system's own errors
 */
export async function fileSource(file: string | URL): Promise<ByteSource> {
  const path = toPath(file);
  const { kind } = await fileStatus(path);
  if (kind === 'file') return openFile(path);
  throw new SafetensorsError(path, 'this is not a regular file', 'give the path of a weights file');
}

/** Reads exactly `length` bytes. @throws SafetensorsError, which names the file, when that fails */
export async function readExactly(source: ByteSource, file: string, range: [offset: number, length: number]) {
  const bytes = await attempt(() => source.read(...range), file, range);
  expectAll(bytes.byteLength, file, range);
  return bytes;
}

/** Where bytes of a file go. */
export interface ReadInto {
  /** Is filled. */
  readonly target: Uint8Array;
  /** Where its bytes begin in the file. */
  readonly offset: number;
}

/** Fills an array with bytes of a file. @throws SafetensorsError as `readExactly` */
export async function readInto(source: ByteSource, file: string, { target, offset }: ReadInto): Promise<void> {
  const { length } = target;
  const read = async (): Promise<number> => {
    if (source.readInto) return source.readInto(target, offset);
    const bytes = await source.read(offset, length);
    target.set(bytes);
    return bytes.length;
  };
  expectAll(await attempt(read, file, [offset, length]), file, [offset, length]);
}

async function attempt<T>(read: () => Promise<T>, file: string, range: readonly [offset: number, length: number]) {
  try {
    return await read();
  } catch (cause) {
    const remedy = cause instanceof RangeError ? 'more memory is needed' : 'check that it still exists and is readable';
    const problem = `${range[1]} bytes at ${range[0]} cannot be read: ${reason(cause)}`;
    throw new SafetensorsError(file, problem, remedy, { cause });
  }
}

function expectAll(read: number, file: string, [offset, length]: readonly [offset: number, length: number]): void {
  if (read === length) return;
  const problem = `only ${read} of ${length} bytes could be read at ${offset}`;
  throw new SafetensorsError(file, problem, 'the file changed while it was open: open it again');
}
