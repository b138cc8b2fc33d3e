import type { NewFile } from '../file-system/file-system.js';
import { createFile } from '../file-system/index.js';
import { reason, SafetensorsError } from './errors.js';

/** A file that is complete under a temporary name, in its destination folder. */
export interface Staged {
  /** Renames it to its destination, replacing an older file. */
  commit(): Promise<void>;
  /** Removes it. */
  discard(): Promise<void>;
}

/** Bytes that are written between two looks at the signal. */
const PIECE = 2 ** 30;

/**
 * Writes pieces to a temporary file and syncs it to the disk. On any error the temporary file is removed.
 * @throws SafetensorsError, or the signal's reason
 */
export async function stage(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<Staged> {
  let file: NewFile | undefined;
  const discard = async (): Promise<void> => file?.discard();
  const failure = async (cause: unknown): Promise<unknown> => {
    await discard().catch(() => {});
    if (cause instanceof SafetensorsError || (signal?.aborted && cause === signal.reason)) return cause;
    const remedy = 'nothing was changed: fix this and write again';
    return new SafetensorsError(path, `it could not be written: ${reason(cause)}`, remedy, { cause });
  };
  try {
    signal?.throwIfAborted();
    file = await createFile(path);
    for await (const piece of pieces) {
      for (let at = 0; at < piece.byteLength; at += PIECE) {
        signal?.throwIfAborted();
        await file.write(piece.subarray(at, at + PIECE));
      }
    }
    await file.finish();
  } catch (cause) {
    throw await failure(cause);
  }
  const finished = file;
  return {
    discard,
    async commit() {
      try {
        await finished.commit();
      } catch (cause) {
        throw await failure(cause);
      }
    },
  };
}
