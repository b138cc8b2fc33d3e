import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/**
 * Whether a file is what its etag says: the hub's etags are the SHA-256 of large files and git's SHA-1 of small ones
 * (`blob SIZE\0` before the content). Of any other etag nothing can be said: true.
 */
export async function isContentOf(etag: string, path: string, signal?: AbortSignal): Promise<boolean> {
  const kind = { 64: 'sha256', 40: 'sha1' }[/^[0-9a-f]+$/.test(etag) ? etag.length : 0];
  if (kind === undefined) return true;
  const sum = createHash(kind);
  if (kind === 'sha1') sum.update(`blob ${(await stat(path)).size}\0`);
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), sum, signal ? { signal } : {}).catch((error) => {
    signal?.throwIfAborted();
    throw error;
  });
  return sum.digest('hex') === etag;
}
