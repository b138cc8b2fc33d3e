import { toPath } from './bytes.js';
import { reason, SafetensorsError } from './errors.js';
import { type Layout, layout, pack, type TensorData, type TensorEntry } from './layout.js';
import { stage } from './stage.js';

/** Options of `writeSafetensors`. */
export interface WriteOptions {
  /** Entries for `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Cancels the write; nothing is changed then. */
  readonly signal?: AbortSignal;
}

/** The tensors to write, also one after the other as they become available. */
export type Entries = Iterable<TensorEntry> | AsyncIterable<TensorEntry>;

/**
 * Writes a safetensors file atomically: under a temporary name in the same folder, synced, then renamed; on any error
 * the temporary file is removed.
 *
 * All entries are collected first, as the header precedes the data; give `data` as functions to keep only one tensor at a
 * time in memory. float32 is rounded to nearest even for F16 (65520 and above become infinity) and BF16.
 *
 * @param file path or `file:` URL; in a browser a path in a mounted folder
 * @throws SafetensorsError for invalid entries and for what the disk reports; the signal's reason where aborted
 */
export async function writeSafetensors(
  file: string | URL,
  entries: Entries,
  options: WriteOptions = {},
): Promise<void> {
  const path = toPath(file);
  const placed = layout(await collect(entries), { file: path, metadata: options.metadata ?? {} });
  const staged = await stage(path, pieces(placed, path), options.signal);
  await staged.commit();
}

/** Encodes tensors as the bytes of a safetensors file. @throws SafetensorsError for invalid entries */
export function encodeSafetensors(
  entries: Iterable<TensorEntry<TensorData>>,
  { metadata = {} }: Pick<WriteOptions, 'metadata'> = {},
): Uint8Array {
  const file = 'safetensors';
  const { header, entries: placed, size } = layout([...entries], { file, metadata });
  const bytes = new Uint8Array(size);
  bytes.set(header);
  let at = header.length;
  for (const entry of placed) {
    for (const piece of pack(entry, entry.data, file)) {
      bytes.set(piece, at);
      at += piece.length;
    }
  }
  return bytes;
}

/** Collects all entries. */
export async function collect(entries: Entries): Promise<TensorEntry[]> {
  const all: TensorEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

/** Yields the whole file, piece by piece; each tensor's data are requested when it is written. */
export async function* pieces({ header, entries }: Layout<TensorEntry['data']>, file: string) {
  yield header;
  for (const entry of entries) {
    const data = typeof entry.data === 'function' ? await load(entry, entry.data, file) : entry.data;
    yield* pack(entry, data, file);
  }
}

async function load(entry: TensorEntry, data: () => TensorData | Promise<TensorData>, file: string) {
  try {
    return await data();
  } catch (cause) {
    const problem = `the data of tensor ${JSON.stringify(entry.name)} failed: ${reason(cause)}`;
    throw new SafetensorsError(file, problem, 'nothing was changed: fix this and write again', { cause });
  }
}
