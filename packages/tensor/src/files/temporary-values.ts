import { open, rm } from 'node:fs/promises';
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
 * suffix, so their disk needs space for both
 * @throws when nothing can be written there
 */
export async function openTemporaryValues(destination: string | URL): Promise<TemporaryValues> {
  const path = toPath(destination);
  const temporary = `${path}.${Math.random().toString(36).slice(2, 10)}.tmp`;
  const handle = await open(temporary, 'wx+').catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`Nothing can be written next to '${path}' (${cause.code}); choose another output path.`, { cause });
  });
  let end = 0;
  return {
    async store(values) {
      const [start, size] = [end, values.byteLength];
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      for (let done = 0; done < size; ) {
        done += (await handle.write(bytes, done, size - done, start + done)).bytesWritten;
      }
      end += size;
      return async () => {
        const stored = new Uint8Array(size);
        for (let done = 0; done < size; ) {
          const { bytesRead } = await handle.read(stored, done, size - done, start + done);
          if (bytesRead === 0) throw new Error(`${temporary} was truncated while it was in use; run this again.`);
          done += bytesRead;
        }
        return new Float32Array(stored.buffer);
      };
    },
    async close() {
      await handle.close();
      await rm(temporary, { force: true });
    },
  };
}
