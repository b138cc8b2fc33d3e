import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * Checks that a disk has room.
 * @param what begins the error
 * @throws with what is needed and what there is
 */
export async function checkDisk(folder: string, needed: number, what: string): Promise<void> {
  const free = await freeDisk(resolve(folder));
  if (free === undefined || needed <= free) return;
  throw new Error(
    `${what} needs ${bytes(needed)} on the disk of ${folder}, which has ${bytes(free)} free; make room, or choose another folder.`,
  );
}

/** The free bytes on the disk of a folder, or of the nearest above it that exists. */
async function freeDisk(folder: string): Promise<number | undefined> {
  const found = await statfs(folder).catch(() => undefined);
  if (found) return found.bavail * found.bsize;
  return dirname(folder) === folder ? undefined : freeDisk(dirname(folder));
}

/** Formats a number of bytes. */
export const bytes = (count: number): string =>
  count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(count / 1e6))} MB`;
