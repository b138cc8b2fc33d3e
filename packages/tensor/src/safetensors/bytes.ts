import { reason, SafetensorsError } from './errors.js';
import { node, toPath } from './node.js';

/** A source of bytes with positioned reads, such as an open file. */
export interface ByteSource {
  /** Length in bytes. */
  readonly size: number;
  /** Reads `length` bytes from `offset` on, into an array that the caller owns; fewer where the source ends before. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` from `offset` on, and returns how many bytes there were. Default: `read`, and a copy. */
  readInto?(target: Uint8Array, offset: number): Promise<number>;
  /** Releases the source. */
  close(): Promise<void>;
}

/** The content of one file: bytes in memory, a `Blob` or `File` of a browser, or a custom {@link ByteSource}. */
export type Bytes = Uint8Array | ArrayBuffer | Blob | ByteSource;

const LARGEST_READ = 2 ** 30; // one read call of Node takes less than 2 GiB

/**
 * Opens a file for positioned reads (Node).
 * @param file path or `file:` URL
 * @throws SafetensorsError for anything but a regular file, as opening a pipe would block; Node's own errors
 */
export async function fileSource(file: string | URL): Promise<ByteSource> {
  const path = await toPath(file);
  const { promises } = await node(path);
  const status = await promises.stat(path);
  if (!status.isFile()) {
    throw new SafetensorsError(path, 'this is not a regular file', 'give the path of a weights file');
  }
  const { size } = status;
  const handle = await promises.open(path, 'r');
  const readInto = async (target: Uint8Array, offset: number): Promise<number> => {
    const { length } = target;
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle.read(target, done, Math.min(length - done, LARGEST_READ), offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  };
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, await readInto(bytes, offset));
    },
    readInto,
    close: () => handle.close(),
  };
}

/** Wraps bytes in memory as a {@link ByteSource}; reads are copies. */
export function memorySource(bytes: Uint8Array | ArrayBuffer): ByteSource {
  // A plain view: the `slice` of a Node Buffer would share memory.
  const view = ArrayBuffer.isView(bytes)
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new Uint8Array(bytes);
  return {
    size: view.byteLength,
    read: async (offset, length) => view.slice(offset, offset + length),
    close: async () => {},
  };
}

/** Wraps a browser's `Blob` or `File` as a {@link ByteSource} that reads it slice by slice. */
export function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
    close: async () => {},
  };
}

/** Wraps the content of a file as a {@link ByteSource}. */
export function byteSource(bytes: Bytes): ByteSource {
  if (ArrayBuffer.isView(bytes) || 'byteLength' in bytes) return memorySource(bytes);
  return 'read' in bytes ? bytes : blobSource(bytes);
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
