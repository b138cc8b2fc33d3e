import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Result, resultSchema } from './results.js';

/** What identifies a run: all that its result depends on, as a value for JSON. */
export type RunIdentity = Readonly<Record<string, unknown>>;

/** Raised when the same identity gives other results. */
const VERSION = 1;

/** Results of runs in a folder, a file each: what is there is not run again. */
export interface Store {
  /** Reads the result of a run; undefined where it has none. */
  read(run: RunIdentity): Promise<Result | undefined>;
  /** Writes the result of a run, as a whole or not at all. */
  write(run: RunIdentity, result: Result): Promise<void>;
  /** The path of the weights of a run. */
  weights(run: RunIdentity): string;
}

/** Opens a folder of results, which is created where it does not exist. */
export async function openStore(folder: string): Promise<Store> {
  await mkdir(folder, { recursive: true });
  const path = (run: RunIdentity, suffix: string): string => {
    const key = createHash('sha256')
      .update(JSON.stringify([VERSION, run]))
      .digest('hex');
    return join(folder, `${key.slice(0, 16)}.${suffix}`);
  };
  return {
    async read(run) {
      const text = await readFile(path(run, 'json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      return text === undefined ? undefined : resultSchema.parse(JSON.parse(text).result);
    },
    async write(run, result) {
      const file = path(run, 'json');
      await writeFile(`${file}.tmp`, `${JSON.stringify({ run, result })}\n`);
      await rename(`${file}.tmp`, file);
    },
    weights: (run) => path(run, 'safetensors'),
  };
}
