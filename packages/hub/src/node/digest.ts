import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/**
 * Verifies a file by its etag: the hub's etags are the SHA-256 of large files (git-lfs) and the git blob hash of small ones
 * (SHA-1 of `blob SIZE\0` and the content). With any other kind of etag the file is accepted.
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
