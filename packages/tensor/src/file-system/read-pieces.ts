/** Bytes of a read, and reads at a time: while one waits for the disk, the other copies from the system's cache. */
const PIECE = 8 * 2 ** 20;
const READS = 2;

/**
 * Fills `target` by several reads at a time. When it ends, no read goes on, even where one has failed.
 * @param read fills a part of the target, which begins at byte `begin` of it
 * @throws what the first read has thrown that failed
 */
export async function readPieces(
  target: Uint8Array,
  read: (part: Uint8Array, begin: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const errors: unknown[] = [];
  const reads = async (): Promise<void> => {
    while (next < target.length && errors.length === 0) {
      const begin = next;
      next += PIECE;
      await read(target.subarray(begin, begin + PIECE), begin).catch((error: unknown) => void errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: READS }, reads));
  if (errors.length > 0) throw errors[0];
}
