import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isFile } from '@blip2/tensor/files';
import { pauseFor } from './retry.js';

/** A part of a blob that this process alone writes to. */
export interface PartFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** Bytes that an earlier run has left. */
  readonly size: number;
  /** Closes it and leaves it for a later run. */
  release(): Promise<void>;
  /** Closes it; it stays where it is. */
  close(): Promise<void>;
  /** Closes and removes it. */
  remove(): Promise<void>;
}

export interface ClaimOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called now and then while another process downloads, with the bytes that it has. */
  readonly onWait?: (size: number) => void;
}

const BEAT = 5_000;
const DEAD = 30_000;
const POLL = 250;

/**
 * The beginning of a blob, to go on with: `BLOB.incomplete` or what a process that died has left, else an empty file.
 * It gets a name with this process's id, by which others know that it is taken; while a living one has it, this waits.
 * No lock is needed for correct files: whoever writes a blob writes the same bytes to the same places, never shortens
 * it, and renames it when it was checked.
 * @returns undefined when the blob is there
 */
export async function claimPartial(blob: string, { signal, onWait }: ClaimOptions = {}): Promise<PartFile | undefined> {
  for (;;) {
    if (await isFile(blob)) return undefined;
    const left = await leftovers(blob);
    const taken = left.find(({ alive }) => alive);
    if (taken) {
      onWait?.(taken.size);
      await pauseFor(POLL, signal);
      continue;
    }
    const [best, ...others] = left.sort((a, b) => b.size - a.size);
    const path = `${blob}.${process.pid}-${randomUUID().slice(0, 8)}.incomplete`;
    try {
      if (best) {
        await utimes(best.path, new Date(), new Date()); // it looks alive from its new name's first moment
        await rename(best.path, path);
      }
      const part = await opened(path, { blob, flags: best ? 'r+' : 'wx+' });
      for (const other of others) await rm(other.path, { force: true });
      return part;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // else another was quicker
    }
  }
}

async function opened(path: string, { blob, flags }: { blob: string; flags: string }): Promise<PartFile> {
  const handle = await open(path, flags);
  const beat = setInterval(() => handle.utimes(new Date(), new Date()).catch(() => {}), BEAT);
  beat.unref();
  const close = async (): Promise<void> => {
    clearInterval(beat);
    await handle.close();
  };
  return {
    path,
    handle,
    size: (await handle.stat()).size,
    close,
    async release() {
      const { size } = await handle.stat();
      await close();
      if (size === 0) await rm(path, { force: true });
      else await rename(path, `${blob}.incomplete`).catch(() => {});
    },
    async remove() {
      await close();
      await rm(path, { force: true });
    },
  };
}

/** How many bytes of a blob are on the disk. */
export async function bytesOf(blob: string): Promise<number> {
  const whole = await stat(blob).catch(() => undefined);
  return whole?.size ?? Math.max(0, ...(await leftovers(blob)).map(({ size }) => size));
}

interface Leftover {
  readonly path: string;
  readonly size: number;
  /** A running process writes to it. */
  readonly alive: boolean;
}

async function leftovers(blob: string): Promise<Leftover[]> {
  const [folder, etag] = [dirname(blob), basename(blob)];
  const found: Leftover[] = [];
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${etag}.`) || !name.endsWith('.incomplete')) continue;
    const owner = /^(?:(\d+)-\w+\.)?incomplete$/.exec(name.slice(etag.length + 1));
    if (!owner) continue;
    const path = join(folder, name);
    const status = await stat(path).catch(() => undefined);
    if (!status) continue;
    const alive = owner[1] !== undefined && Date.now() - status.mtimeMs < DEAD && isRunning(Number(owner[1]));
    found.push({ path, size: status.size, alive });
  }
  return found;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs, and is another user's
  }
}
