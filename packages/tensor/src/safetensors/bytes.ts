import { reason, SafetensorsError } from './errors.js';

/** Something with positioned reads. `read` gives bytes that the caller owns; fewer than asked for means that the end came early. */
export interface ByteSource {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What stands for one file: bytes in memory, a `Blob` or `File` of a browser, or positioned reads of one's own. */
export type Bytes = Uint8Array | ArrayBuffer | Blob | ByteSource;

interface NodeModules {
  readonly promises: typeof import('node:fs').promises;
  readonly path: typeof import('node:path');
  readonly url: typeof import('node:url');
}

/** Node's file system, loaded when a path is given; variable specifiers, so that bundlers for browsers leave them alone. */
export async function node(file: string): Promise<NodeModules> {
  const load = (specifier: string) => import(/* webpackIgnore: true */ /* @vite-ignore */ specifier);
  try {
    const [{ promises }, path, url] = await Promise.all(['node:fs', 'node:path', 'node:url'].map(load));
    return { promises, path, url };
  } catch (cause) {
    throw new SafetensorsError(file, 'paths need Node', 'give a Blob or a Uint8Array here', { cause });
  }
}

const LARGEST_READ = 2 ** 30; // one read call of Node takes less than 2 GiB

/** Positioned reads of a file (Node). Refuses what is not a regular file: opening a pipe would hang. */
export async function fileSource(path: string): Promise<ByteSource> {
  const { promises } = await node(path);
  const status = await promises.stat(path);
  if (!status.isFile()) {
    throw new SafetensorsError(path, 'this is not a regular file', 'give the path of a file of weights');
  }
  const { size } = status;
  const handle = await promises.open(path, 'r');
  return {
    size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(bytes, done, Math.min(length - done, LARGEST_READ), offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return bytes.subarray(0, done);
    },
    close: () => handle.close(),
  };
}

/** Bytes in memory; what is read is copied. */
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

/** A browser's `Blob` or `File`, read slice by slice. */
export function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
    close: async () => {},
  };
}

export function byteSource(bytes: Bytes): ByteSource {
  if (ArrayBuffer.isView(bytes) || 'byteLength' in bytes) return memorySource(bytes);
  return 'read' in bytes ? bytes : blobSource(bytes);
}

/** Exactly `length` bytes, or a {@link SafetensorsError} that names the file. */
export async function readExactly(source: ByteSource, file: string, range: [offset: number, length: number]) {
  let bytes: Uint8Array;
  try {
    bytes = await source.read(...range);
  } catch (cause) {
    const remedy = cause instanceof RangeError ? 'more memory is needed' : 'check that it is still there and readable';
    throw new SafetensorsError(file, `${range[1]} bytes at ${range[0]} cannot be read: ${reason(cause)}`, remedy, {
      cause,
    });
  }
  if (bytes.byteLength === range[1]) return bytes;
  const problem = `only ${bytes.byteLength} of ${range[1]} bytes could be read at ${range[0]}`;
  throw new SafetensorsError(file, problem, 'the file changed while it was open: open it again');
}
