import { open, rm } from 'node:fs/promises';

/** A file for values that memory need not hold until they are written to where they belong. */
export interface Spool {
  /** Puts values away; what comes back reads them again. */
  keep(values: Float32Array): Promise<() => Promise<Float32Array>>;
  /** Takes the file away. */
  close(): Promise<void>;
}

/** @param beside the file that will be made of it: on the same disk, which must have room for both */
export async function openSpool(beside: string): Promise<Spool> {
  const path = `${beside}.${Math.random().toString(36).slice(2, 10)}.tmp`;
  const handle = await open(path, 'wx+').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`Nothing can be written beside '${beside}' (${error.code}); give another --out.`);
  });
  let end = 0;
  return {
    async keep(values) {
      const [at, size] = [end, values.byteLength];
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      for (let done = 0; done < size; ) {
        done += (await handle.write(bytes, done, size - done, at + done)).bytesWritten;
      }
      end += size;
      return async () => {
        const again = new Uint8Array(size);
        for (let done = 0; done < size; ) {
          const { bytesRead } = await handle.read(again, done, size - done, at + done);
          if (bytesRead === 0) throw new Error(`${path} became shorter while it was read; try again.`);
          done += bytesRead;
        }
        return new Float32Array(again.buffer);
      };
    },
    async close() {
      await handle.close();
      await rm(path, { force: true });
    },
  };
}
