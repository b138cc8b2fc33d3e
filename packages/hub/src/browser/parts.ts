import {
  type ByteSource,
  createFile,
  fileStatus,
  join,
  listFolder,
  type NewFile,
  openFile,
  removePath,
} from '@blip2/tensor/files';

/**
 * Bytes of a part. A browser keeps what was written to a file only when the file is closed: of a download that ends with its tab, the
 * last part is lost.
 */
export const PART = 2 ** 25;

const nameOf = (file: string, part: number): string => `${encodeURIComponent(file)}.${part}`;

/** The sizes of a file's parts in a folder, in order, until one is missing or shorter than a whole one. */
async function partsOf(folder: string, file: string, part: number): Promise<number[]> {
  const sizes: number[] = [];
  for (;;) {
    const status = await fileStatus(join(folder, nameOf(file, sizes.length))).catch(() => undefined);
    if (!status) return sizes;
    sizes.push(status.size);
    if (status.size < part) return sizes;
  }
}

/** Counts the bytes of a file that a folder has, complete or not. */
export const storedBytes = async (folder: string, file: string, part = PART): Promise<number> =>
  (await partsOf(folder, file, part)).reduce((a, b) => a + b, 0);

/** Removes all parts of a file. */
export async function removeParts(folder: string, file: string): Promise<void> {
  const prefix = `${encodeURIComponent(file)}.`;
  for (const { name } of await listFolder(folder)) {
    if (name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length))) await removePath(join(folder, name));
  }
}

/** Appends to a file that is stored in parts. */
export interface PartsWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** Keeps what was written. */
  close(): Promise<void>;
}

/** Goes on with a file that is stored in parts, at its end. */
export async function appendParts(folder: string, file: string, part = PART): Promise<PartsWriter> {
  const sizes = await partsOf(folder, file, part);
  let index = sizes.at(-1) === part || sizes.length === 0 ? sizes.length : sizes.length - 1;
  let filled = 0;
  let current: NewFile | undefined;
  const begin = async (): Promise<NewFile> => {
    const path = join(folder, nameOf(file, index));
    const before = index < sizes.length ? await openFile(path) : undefined; // a part of an earlier download
    const begun = await createFile(path);
    filled = before?.size ?? 0;
    if (before) await begun.write(await before.read(0, filled));
    await before?.close();
    return begun;
  };
  const close = async (): Promise<void> => {
    const ended = current;
    current = undefined;
    if (!ended) return;
    await ended.finish();
    await ended.commit();
  };
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        current ??= await begin();
        const piece = bytes.subarray(at, at + part - filled);
        await current.write(piece);
        at += piece.length;
        filled += piece.length;
        if (filled < part) continue;
        await close();
        index++;
      }
    },
    close,
  };
}

/** Opens a file that is stored in parts. */
export async function openParts(folder: string, file: string, part = PART): Promise<ByteSource> {
  const sizes = await partsOf(folder, file, part);
  const sources: ByteSource[] = [];
  for (const index of sizes.keys()) sources.push(await openFile(join(folder, nameOf(file, index))));
  const size = sizes.reduce((a, b) => a + b, 0);
  return {
    size,
    async read(offset, length) {
      const end = Math.min(size, offset + length);
      const bytes = new Uint8Array(Math.max(0, end - offset));
      for (let at = offset; at < end; ) {
        const from = at % part;
        const piece = await sources[Math.floor(at / part)]!.read(from, Math.min(end - at, part - from));
        if (piece.length === 0) throw new Error(`'${file}' of the stored model is no longer there; load it again.`);
        bytes.set(piece, at - offset);
        at += piece.length;
      }
      return bytes;
    },
    async close() {
      for (const source of sources) await source.close();
    },
  };
}
