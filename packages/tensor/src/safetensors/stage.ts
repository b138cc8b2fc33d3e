import { reason, SafetensorsError } from './errors.js';
import { node } from './node.js';

/** A file that is complete on disk under a temporary name, in its destination folder. */
export interface Staged {
  /** Renames it to its destination, replacing an older file. */
  commit(): Promise<void>;
  /** Removes it. */
  discard(): Promise<void>;
}

const LARGEST_WRITE = 2 ** 30;

/**
 * Writes pieces to a temporary file and syncs it to the disk. On any error the temporary file is removed.
 * @throws SafetensorsError, or the signal's reason
 */
export async function stage(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<Staged> {
  const { promises, path: paths } = await node(path);
  const temporary = `${path}.${Math.random().toString(36).slice(2, 10)}.tmp`;
  const discard = () => promises.rm(temporary, { force: true });
  const failure = async (cause: unknown): Promise<unknown> => {
    await discard().catch(() => {});
    if (cause instanceof SafetensorsError || (signal?.aborted && cause === signal.reason)) return cause;
    const remedy = 'nothing was changed: fix this and write again';
    return new SafetensorsError(path, `it could not be written: ${reason(cause)}`, remedy, { cause });
  };
  try {
    signal?.throwIfAborted();
    const handle = await promises.open(temporary, 'wx');
    try {
      for await (const piece of pieces) {
        for (let at = 0; at < piece.byteLength; ) {
          signal?.throwIfAborted();
          const { bytesWritten } = await handle.write(piece, at, Math.min(piece.byteLength - at, LARGEST_WRITE));
          if (bytesWritten === 0) throw new Error('the disk accepts no more bytes');
          at += bytesWritten;
        }
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw await failure(cause);
  }
  return {
    discard,
    async commit() {
      try {
        await promises.rename(temporary, path);
      } catch (cause) {
        throw await failure(cause);
      }
      await syncFolder(paths.dirname(path), promises);
    },
  };
}

/** Makes a rename durable, on systems that can sync folders. */
async function syncFolder(folder: string, promises: typeof import('node:fs').promises): Promise<void> {
  const handle = await promises.open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
