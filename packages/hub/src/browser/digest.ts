import type { ByteSource } from '@blip2/tensor/files';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

const PIECE = 2 ** 22;

/**
 * Verifies a file by its etag: the hub's are the SHA-256 of large files (git-lfs) and the git blob hash of small ones (SHA-1 of
 * `blob SIZE\0` and the content). With any other kind of etag the file is accepted. It is read piece by piece, which WebCrypto's
 * digest does not allow.
 */
export async function isContentOf(etag: string, file: ByteSource, signal?: AbortSignal): Promise<boolean> {
  const kind = { 64: sha256, 40: sha1 }[/^[0-9a-f]+$/.test(etag) ? etag.length : 0];
  if (kind === undefined) return true;
  const sum = kind.create();
  if (kind === sha1) sum.update(new TextEncoder().encode(`blob ${file.size}\0`));
  for (let at = 0; at < file.size; at += PIECE) {
    signal?.throwIfAborted();
    sum.update(await file.read(at, PIECE));
  }
  return bytesToHex(sum.digest()) === etag;
}
