import { reason, SafetensorsError } from './errors.js';
import { type Layout, layout, pack, type TensorData, type TensorEntry } from './layout.js';
import { stage } from './stage.js';

export interface WriteOptions {
  /** Texts for `__metadata__`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export type Entries = Iterable<TensorEntry> | AsyncIterable<TensorEntry>;

/**
 * Writes a safetensors file (Node). The file appears whole or not at all: it is written under a temporary name in the same
 * folder, synced, then renamed; on any error the temporary file is removed.
 *
 * All entries are collected first, as the header comes before the data; give `data` as functions, and one tensor at a time
 * is in memory. float32 is rounded to nearest even for F16 (beyond 65504 it becomes infinity) and BF16.
 *
 * @throws SafetensorsError for wrong entries and for what the disk reports; the signal's reason where aborted
 */
export async function writeSafetensors(path: string, entries: Entries, options: WriteOptions = {}): Promise<void> {
  const placed = layout(await collect(entries), { file: path, metadata: options.metadata ?? {} });
  const staged = await stage(path, pieces(placed, path), options.signal);
  await staged.commit();
}

/** The same as bytes in memory. @throws SafetensorsError for wrong entries */
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

export async function collect(entries: Entries): Promise<TensorEntry[]> {
  const all: TensorEntry[] = [];
  for await (const entry of entries) all.push(entry);
  return all;
}

/** The whole file, piece by piece; each tensor's data are asked for when its turn comes. */
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
    throw new SafetensorsError(file, problem, 'nothing was changed: correct this and write again', { cause });
  }
}
