import { openScratch } from '../file-system/index.js';
import { toPath } from './paths.js';

/** A temporary file for values that are computed long before they are written to their destination. */
export interface TemporaryValues {
  /** Writes values to the file, and returns a function that reads them again. */
  store(values: Float32Array): Promise<() => Promise<Float32Array>>;
  /** Removes the file; values can no longer be read then. */
  close(): Promise<void>;
}

/**
 * Creates a temporary file for values, so that memory need not hold them until they are written to `destination`.
 * @param destination path or `file:` URL of the file to be written later; the temporary file has its name with a random
 * suffix, so their disk needs space for both; in a mounted folder they are kept in memory
 * @throws when nothing can be written there
 */
export async function openTemporaryValues(destination: string | URL): Promise<TemporaryValues> {
  const path = toPath(destination);
  const scratch = await openScratch(path).catch((cause: { code?: string }) => {
    throw new Error(`Nothing can be written next to '${path}' (${cause.code}); choose another output path.`, { cause });
  });
  return {
    async store(values) {
      const read = await scratch.keep(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      return async () => new Float32Array((await read()).buffer as ArrayBuffer);
    },
    close: () => scratch.close(),
  };
}
