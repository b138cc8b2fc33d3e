import { isLfsPointer, LFS_PROBLEM, LFS_REMEDY } from '../config/lfs-pointer.js';
import { type ByteSource, readExactly } from './bytes.js';
import { AGAIN, quote, SafetensorsError } from './errors.js';
import { LARGEST_HEADER, utf8 } from './header.js';
import { JsonReader } from './json.js';
import { openSource, type SafetensorsSource } from './read.js';

export const MODEL_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';

/** Opens a file of the folder by its name; undefined where there is none. */
export type OpenFile = (file: string) => Promise<ByteSource | undefined>;

interface Index {
  /** Tensor name -> shard. */
  readonly shards: ReadonlyMap<string, string>;
  readonly total: number | undefined;
}

/**
 * Opens the shards that an index lists, and checks index and shards against each other: every tensor is in the shard that
 * the index names, no other tensors exist, and the total size agrees.
 *
 * Converters drop tied tensors from a shard, record `dropped name -> kept name` in its metadata, and leave the dropped name
 * in the index; reading it returns the kept tensor.
 *
 * @param label the index's name in errors
 * @throws SafetensorsError, after closing every shard
 */
export async function openSharded(label: string, open: OpenFile, indexFile: string): Promise<SafetensorsSource> {
  const index = await readIndex(label, await open(indexFile));
  const sources = new Map<string, SafetensorsSource>();
  const close = async () => {
    await Promise.all([...sources.values()].map((source) => source.close()));
  };
  try {
    const missing: string[] = [];
    for (const shard of new Set(index.shards.values())) {
      const bytes = await open(shard);
      if (bytes === undefined) missing.push(shard);
      else sources.set(shard, await openSource(bytes, label.slice(0, -indexFile.length) + shard));
    }
    if (missing.length > 0) {
      const list = missing.slice(0, 5).map(quote).join(', ');
      throw new SafetensorsError(
        label,
        `${missing.length} shards are missing: ${list}`,
        'put them into the folder of the index',
      );
    }
    return join(label, { index, sources, close });
  } catch (error) {
    await close();
    throw error;
  }
}

interface Shards {
  readonly index: Index;
  readonly sources: ReadonlyMap<string, SafetensorsSource>;
  readonly close: () => Promise<void>;
}

function join(label: string, { index, sources, close }: Shards): SafetensorsSource {
  const fail = (problem: string, remedy = AGAIN) => new SafetensorsError(label, problem, remedy);
  const names = new Map<string, NonNullable<ReturnType<SafetensorsSource['names']['get']>>>();
  const places = new Map<string, [SafetensorsSource, string]>();
  let [stored, tied] = [0, 0];
  for (const [name, shard] of index.shards) {
    const source = sources.get(shard)!;
    const kept = source.names.has(name) ? name : source.metadata.get(name);
    const info = kept === undefined ? undefined : source.names.get(kept);
    if (kept === undefined || info === undefined)
      throw fail(`${quote(shard)} does not contain the tensor ${quote(name)}`);
    const { bytes } = info;
    if (kept === name) stored += bytes;
    else tied += bytes;
    names.set(name, info);
    places.set(name, [source, kept]);
  }
  for (const [shard, source] of sources) {
    for (const name of source.names.keys()) {
      if (index.shards.get(name) !== shard)
        throw fail(`${quote(shard)} contains ${quote(name)}, which the index does not list there`);
    }
  }
  // The total may or may not count tied tensors, as converters copied it from the untied original.
  if (index.total !== undefined && !(index.total >= stored && index.total <= stored + tied)) {
    throw fail(
      `total_size is ${index.total}, but the shards contain ${stored} bytes`,
      'download the shards again, or remove total_size if they are known to be whole',
    );
  }
  const place = (name: string) => {
    const found = places.get(name);
    if (found === undefined) throw fail(`there is no tensor ${quote(name)}`, 'choose one of names');
    return found;
  };
  return {
    origin: label,
    names,
    metadata: new Map([...sources.values()].flatMap((source) => [...source.metadata])),
    async read(name, target) {
      const [source, kept] = place(name);
      return source.read(kept, target);
    },
    async readRaw(name) {
      const [source, kept] = place(name);
      return source.readRaw(kept);
    },
    async quantized(name) {
      const [source, kept] = place(name);
      return source.quantized(kept);
    },
    close,
  };
}

async function readIndex(label: string, source: ByteSource | undefined): Promise<Index> {
  const fail = (problem: string) => new SafetensorsError(label, problem, AGAIN);
  if (source === undefined) {
    const remedy = `give a folder with ${MODEL_FILE}, or with ${INDEX_FILE} and its shards`;
    throw new SafetensorsError(label, 'there is no model in this folder', remedy);
  }
  try {
    if (source.size > LARGEST_HEADER) throw fail(`the index has ${source.size} bytes, more than ${LARGEST_HEADER}`);
    const text = utf8(await readExactly(source, label, [0, source.size]), label);
    if (isLfsPointer(text)) throw new SafetensorsError(label, LFS_PROBLEM, LFS_REMEDY);
    return parseIndex(text.replace(/^\uFEFF/, ''), fail);
  } finally {
    await source.close();
  }
}

function parseIndex(text: string, fail: (problem: string) => Error): Index {
  const shards = new Map<string, string>();
  let total: number | undefined;
  const reader = new JsonReader(text, fail);
  reader.object((field) => {
    if (field === 'weight_map') {
      reader.object((name) => {
        const shard = reader.string();
        if (!isPlainName(shard)) throw fail(`the shard ${quote(shard)} of ${quote(name)} is not in the index's folder`);
        shards.set(name, shard);
      });
    } else if (field === 'metadata') {
      reader.object((key) => {
        if (key === 'total_size') total = reader.number();
        else reader.skip();
      });
    } else reader.skip();
  });
  reader.end();
  if (shards.size === 0) throw fail('the weight_map is missing or empty');
  return { shards, total };
}

/** Whether a name denotes a file of the same folder, on any operating system. */
function isPlainName(file: string): boolean {
  return !/[/\\:\0]/.test(file) && !['', '.', '..'].includes(file);
}
