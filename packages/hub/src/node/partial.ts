import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isFile } from '@blip2/tensor/files';
import { pauseFor } from '../retry.js';

/** A partially downloaded blob that only this process writes to. */
export interface PartFile {
  readonly path: string;
  readonly handle: FileHandle;
  /** Bytes of an earlier partial download. */
  readonly size: number;
  /** Closes it and keeps it for a later run. */
  release(): Promise<void>;
  /** Closes it. */
  close(): Promise<void>;
  /** Closes and removes it. */
  remove(): Promise<void>;
}

/** Options of `claimPartial`. */
export interface ClaimOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called repeatedly while another process downloads, with the bytes that it has. */
  readonly onWait?: (size: number) => void;
}

const HEARTBEAT = 5_000;
const TIMEOUT = 30_000;
const POLL = 250;

/**
 * Claims a blob for download: `BLOB.incomplete`, the partial file of a process that has died, or a new empty file. It is
 * renamed to contain this process's id, by which other processes know that it is in use; while another one downloads the
 * blob, this waits. Correctness needs no lock: every process writes the same bytes to the same offsets, never truncates,
 * and renames the file after verifying it.
 * @returns undefined when the blob is complete
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
        await utimes(best.path, new Date(), new Date()); // in use from the moment it is renamed
        await rename(best.path, path);
      }
      const part = await opened(path, { blob, flags: best ? 'r+' : 'wx+' });
      for (const other of others) await rm(other.path, { force: true });
      return part;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // otherwise another process claimed it first
    }
  }
}

async function opened(path: string, { blob, flags }: { blob: string; flags: string }): Promise<PartFile> {
  const handle = await open(path, flags);
  const heartbeat = setInterval(() => handle.utimes(new Date(), new Date()).catch(() => {}), HEARTBEAT);
  heartbeat.unref();
  const close = async (): Promise<void> => {
    clearInterval(heartbeat);
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

/** Counts the bytes of a blob on the disk. */
export async function bytesOf(blob: string): Promise<number> {
  const whole = await stat(blob).catch(() => undefined);
  return whole?.size ?? Math.max(0, ...(await leftovers(blob)).map(({ size }) => size));
}

interface Leftover {
  readonly path: string;
  readonly size: number;
  /** Whether a running process writes to it. */
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
    const alive = owner[1] !== undefined && Date.now() - status.mtimeMs < TIMEOUT && isRunning(Number(owner[1]));
    found.push({ path, size: status.size, alive });
  }
  return found;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // it runs as another user
  }
}
