import { type FileHandle, mkdir, open, readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { checkDisk } from '@blip2/runs';
import { float32ToFloat16 } from '@blip2/tensor/safetensors';

/** The features [N,D] of each view of an item, or why it has none. */
export type EncodedItem = { readonly views: readonly Float32Array[] } | { readonly reason: string };

/** Items that were encoded together. */
export interface EncodedBatch {
  /** N and D. */
  readonly shape: readonly [number, number];
  readonly items: readonly EncodedItem[];
}

/** What is encoded, and where the features are kept. */
export interface ShardOptions {
  /** A folder of these features alone; its name identifies what they are computed from. */
  readonly folder: string;
  /** The number of items. */
  readonly count: number;
  /** Features per item: views of it that are augmented differently. */
  readonly views: number;
  /** Encodes the items from `first` to before `end`; called in their order. */
  readonly encode: (first: number, end: number) => Promise<EncodedBatch>;
  readonly onProgress?: (done: number, total: number) => void;
  readonly onNote?: (text: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Features on disk, in half precision. */
export interface FeatureShards {
  /** N and D. */
  readonly shape: readonly [number, number];
  /** The items that have features, in their order. */
  readonly kept: readonly number[];
  /** The items that have none, with the reason. */
  readonly skipped: readonly { readonly item: number; readonly reason: string }[];
  /** Reads float16 features [indices,N,D]; index `k * views + v` is view v of the item `kept[k]`. */
  read(indices: readonly number[]): Promise<Uint16Array>;
  close(): Promise<void>;
}

/** Features that are computed together, and their number in a shard: what a kill loses, and what a file holds. */
const TOGETHER = 32;
const BATCHES = 32;

/** How many items are encoded at a time. */
export const itemsTogether = (views: number): number => Math.max(1, Math.floor(TOGETHER / views));

/** A line of a shard's journal: a batch whose features lie in the shard's file, after those of the lines before. */
interface Entry {
  readonly items: number;
  readonly skipped: readonly (readonly [offset: number, reason: string])[];
  readonly shape: readonly [number, number];
  readonly crc: number;
}

/**
 * Encodes what is not encoded yet, and opens the features. They lie in shards `00000.f16`, each with a journal
 * `00000.jsonl` of batches with their checksums: after a kill the last batch is encoded again, and so is whatever does not
 * agree with its checksum.
 * @throws for a full disk, for a folder that another process writes, and the signal's reason
 */
export async function featureShards(options: ShardOptions): Promise<FeatureShards> {
  const { folder, count, views } = options;
  const perShard = itemsTogether(views) * BATCHES;
  await mkdir(folder, { recursive: true });
  const known = await completed(options, perShard);
  if (known) return readerOf(known, options, perShard);
  const unlock = await lock(folder);
  try {
    const shards: Entry[][] = [];
    for (let first = 0; first < count; first += perShard) {
      const path = join(folder, String(shards.length).padStart(5, '0'));
      shards.push(await complete(path, { ...options, first, end: Math.min(count, first + perShard) }));
    }
    return readerOf(shards, options, perShard);
  } finally {
    await unlock();
  }
}

function readerOf(shards: readonly Entry[][], { folder, views }: ShardOptions, perShard: number): FeatureShards {
  const shape = shards.flat().find(({ shape: [N] }) => N > 0)?.shape ?? [0, 0];
  return reader(shards, { folder, views, perShard, shape });
}

/** The entries of all shards where everything is encoded: several processes may then read at once. */
async function completed(
  { folder, count, views, onProgress }: ShardOptions,
  perShard: number,
): Promise<Entry[][] | undefined> {
  const shards: Entry[][] = [];
  for (let first = 0; first < count; first += perShard) {
    const found = await soundPart(join(folder, String(shards.length).padStart(5, '0')), views);
    const items = found.entries.reduce((sum, entry) => sum + entry.items, 0);
    if (items < Math.min(perShard, count - first) || found.damaged || found.excess) return undefined;
    shards.push(found.entries);
  }
  onProgress?.(count, count);
  return shards;
}

/** Reads the journal of a shard, and encodes the rest of it. */
async function complete(path: string, options: ShardOptions & { first: number; end: number }): Promise<Entry[]> {
  const { first, end, views, count, encode, onProgress, onNote, signal } = options;
  const entries = await sound(path, views, onNote);
  let at = first + entries.reduce((sum, { items }) => sum + items, 0);
  onProgress?.(at, count);
  if (at >= end) return entries;
  let checked = false;
  const [data, journal] = [await open(`${path}.f16`, 'a'), await open(`${path}.jsonl`, 'a')];
  try {
    while (at < end) {
      signal?.throwIfAborted();
      const batch = await encode(at, Math.min(end, at + itemsTogether(views)));
      if (!checked) {
        const [N, D] = batch.shape;
        const room = 2 * N * D * views * (count - at);
        await checkDisk(path, room, `Keeping the features of ${count - at} images (--no-feature-cache does without)`);
        checked = true;
      }
      const features = batch.items.flatMap((item) => ('views' in item ? item.views : []));
      const bytes = Buffer.concat(features.map((values) => Buffer.from(float32ToFloat16(values).buffer)));
      const entry: Entry = {
        items: batch.items.length,
        skipped: batch.items.flatMap((item, offset) => ('reason' in item ? [[offset, item.reason] as const] : [])),
        shape: batch.shape,
        crc: crc32(bytes),
      };
      await data.writeFile(bytes);
      await journal.writeFile(`${JSON.stringify(entry)}\n`); // after the data: a line vouches for them
      entries.push(entry);
      at += entry.items;
      onProgress?.(at, count);
    }
    await data.sync();
    await journal.sync();
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
      ? new Error(
          `The features of the images could not be written to ${path}.f16: the disk is full; make room, or use --no-feature-cache.`,
          { cause: error },
        )
      : error;
  } finally {
    await data.close();
    await journal.close();
  }
  return entries;
}

/** The entries of a journal whose features agree with their checksums; what follows the first that does not is cut off. */
async function sound(path: string, views: number, onNote: ShardOptions['onNote']): Promise<Entry[]> {
  const { entries, damaged, excess, bytes, lines } = await soundPart(path, views);
  if (damaged) onNote?.(`The cached features in ${path}.f16 are damaged from byte ${bytes} on and are computed again.`);
  if (excess?.data) await truncate(`${path}.f16`, bytes);
  if (excess?.journal) await truncate(`${path}.jsonl`, lines);
  return entries;
}

/** The first entries of a journal whose features agree with their checksums, their lengths in both files, and what follows. */
async function soundPart(path: string, views: number) {
  const text = await readFile(`${path}.jsonl`, 'utf8').catch(() => '');
  const data = await readFile(`${path}.f16`).catch(() => Buffer.alloc(0));
  const entries: Entry[] = [];
  let [bytes, lines, damaged] = [0, 0, false];
  for (const line of text.split('\n').slice(0, -1)) {
    const entry = parsed(line);
    const size = entry ? bytesOf(entry, views) : 0;
    if (!entry || bytes + size > data.length || crc32(data.subarray(bytes, bytes + size)) !== entry.crc) {
      damaged = true;
      break;
    }
    entries.push(entry);
    bytes += size;
    lines += Buffer.byteLength(line) + 1;
  }
  const [dataLeft, journalLeft] = [data.length > bytes, Buffer.byteLength(text) > lines];
  const excess = dataLeft || journalLeft ? { data: dataLeft, journal: journalLeft } : undefined;
  return { entries, damaged, excess, bytes, lines };
}

function parsed(line: string): Entry | undefined {
  try {
    const { items, skipped, shape, crc } = JSON.parse(line) as Partial<Entry>;
    const counts = [items, crc, ...(shape ?? [undefined])];
    if (!counts.every((x) => Number.isSafeInteger(x)) || shape?.length !== 2 || !Array.isArray(skipped))
      return undefined;
    return { items, skipped, shape, crc } as Entry;
  } catch {
    return undefined;
  }
}

const bytesOf = ({ items, skipped, shape: [N, D] }: Entry, views: number): number =>
  2 * N * D * views * (items - skipped.length);

/** Files that are kept open at once. */
const MOST_OPEN = 256;

function reader(
  shards: readonly (readonly Entry[])[],
  {
    folder,
    views,
    perShard,
    shape,
  }: { folder: string; views: number; perShard: number; shape: readonly [number, number] },
): FeatureShards {
  const kept: number[] = [];
  const skipped: { item: number; reason: string }[] = [];
  const starts: number[] = []; // of each shard, among the kept items
  shards.forEach((entries, s) => {
    starts.push(kept.length);
    let item = s * perShard;
    for (const entry of entries) {
      const reasons = new Map(entry.skipped);
      for (let offset = 0; offset < entry.items; offset++, item++) {
        const reason = reasons.get(offset);
        if (reason === undefined) kept.push(item);
        else skipped.push({ item, reason });
      }
    }
  });
  const values = shape[0] * shape[1];
  const handles = new Map<number, Promise<FileHandle>>();
  const handleOf = async (shard: number): Promise<FileHandle> => {
    const known = handles.get(shard);
    const handle = known ?? open(join(folder, `${String(shard).padStart(5, '0')}.f16`));
    handles.delete(shard);
    handles.set(shard, handle); // last is the most recent
    return handle;
  };
  const trim = async (): Promise<void> => {
    for (const [shard, handle] of [...handles].slice(0, Math.max(0, handles.size - MOST_OPEN))) {
      handles.delete(shard);
      await (await handle).close();
    }
  };
  let reading: Promise<unknown> = Promise.resolve();

  async function readAll(indices: readonly number[]): Promise<Uint16Array> {
    const result = new Uint16Array(indices.length * values);
    await Promise.all(
      indices.map(async (index, i) => {
        const item = Math.floor(index / views);
        const shard = Math.floor((kept[item] as number) / perShard);
        const record = (item - (starts[shard] as number)) * views + (index % views);
        const into = new Uint8Array(result.buffer, i * values * 2, values * 2);
        const { bytesRead } = await (await handleOf(shard)).read(into, 0, into.length, record * into.length);
        if (bytesRead < into.length)
          throw new Error(`The cached features in ${folder} were cut off; run the command again.`);
      }),
    );
    await trim();
    return result;
  }

  return {
    shape,
    kept,
    skipped,
    async read(indices) {
      const wrong = indices.find((index) => !(index >= 0 && index < kept.length * views));
      if (wrong !== undefined) throw new RangeError(`There are no features ${wrong} among ${kept.length * views}.`);
      const next = reading.then(() => readAll(indices)); // one after the other: no file is closed that is being read
      reading = next.catch(() => {});
      return next;
    },
    async close() {
      await reading;
      for (const handle of handles.values()) await (await handle).close();
      handles.clear();
    },
  };
}

/** Makes sure that no other process writes into a folder. @throws where one does */
async function lock(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, 'writing');
  for (;;) {
    const handle = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
      return undefined;
    });
    if (handle) {
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(path, { force: true });
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''));
    if (owner > 0 && owner !== process.pid && isRunning(owner)) {
      throw new Error(
        `The process ${owner} is writing the features in ${folder}; wait for it, or give this run a cache of its own (BLIP2_CACHE).`,
      );
    }
    await rm(path, { force: true }); // of a process that was killed
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
