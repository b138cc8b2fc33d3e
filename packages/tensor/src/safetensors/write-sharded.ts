import { join, listFolder, makeFolder, removePath } from '../file-system/index.js';
import { toPath } from './bytes.js';
import { reason, SafetensorsError } from './errors.js';
import { entryBytes, layout, type TensorEntry } from './layout.js';
import { INDEX_FILE, MODEL_FILE } from './sharded.js';
import { type Staged, stage } from './stage.js';
import { collect, type Entries, pieces, type WriteOptions } from './write.js';

/** Options of `writeShardedSafetensors`. */
export interface ShardOptions extends WriteOptions {
  /** Bytes of tensors per file, headers excluded; a larger tensor gets a file of its own. Default 5e9. */
  readonly maxShardBytes?: number;
}

const SHARD = /^model-\d{5}-of-\d{5}\.safetensors$/;

/**
 * Writes a model folder in the layout of Hugging Face: `model.safetensors` where everything fits one file, else
 * `model-00001-of-0000N.safetensors` and so on with `model.safetensors.index.json`. Every file is complete on disk before the
 * first is renamed to its destination; then such files of an earlier model are removed.
 *
 * @param directory path or `file:` URL of the folder, which is created where it does not exist
 * @throws SafetensorsError for invalid entries and for what the disk reports; the signal's reason where aborted
 */
export async function writeShardedSafetensors(
  directory: string | URL,
  entries: Entries,
  { maxShardBytes = 5e9, metadata = {}, signal }: ShardOptions = {},
): Promise<void> {
  const folder = toPath(directory);
  const all = await collect(entries);
  layout(all, { file: folder, metadata: {} }); // checks names over all shards
  const groups = split(all, { folder, maxShardBytes });
  const files = groups.map((_, i) =>
    groups.length === 1 ? MODEL_FILE : `model-${digits(i + 1)}-of-${digits(groups.length)}.safetensors`,
  );
  await makeFolder(folder).catch((cause: unknown) => {
    throw new SafetensorsError(folder, `the folder cannot be created: ${reason(cause)}`, 'check the path', { cause });
  });
  const staged: Staged[] = [];
  try {
    for (const [i, group] of groups.entries()) {
      const path = join(folder, files[i]!);
      staged.push(await stage(path, pieces(layout(group, { file: path, metadata }), path), signal));
    }
    if (groups.length > 1) {
      files.push(INDEX_FILE);
      staged.push(await stage(join(folder, INDEX_FILE), [index(folder, groups, files)], signal));
    }
    for (const file of staged) await file.commit();
  } catch (error) {
    await Promise.allSettled(staged.map((file) => file.discard()));
    throw error;
  }
  const old = (await listFolder(folder))
    .map(({ name }) => name)
    .filter((file) => !files.includes(file) && (SHARD.test(file) || file === MODEL_FILE || file === INDEX_FILE));
  for (const file of old) await removePath(join(folder, file));
}

function digits(n: number): string {
  return String(n).padStart(5, '0');
}

function split(entries: readonly TensorEntry[], limits: { folder: string; maxShardBytes: number }): TensorEntry[][] {
  const groups: TensorEntry[][] = [[]];
  let filled = 0;
  for (const entry of entries) {
    const bytes = entryBytes(entry, limits.folder);
    if (filled > 0 && filled + bytes > limits.maxShardBytes) {
      groups.push([]);
      filled = 0;
    }
    groups.at(-1)!.push(entry);
    filled += bytes;
  }
  return groups;
}

function index(folder: string, groups: readonly TensorEntry[][], files: readonly string[]): Uint8Array {
  const total = groups.flat().reduce((sum, entry) => sum + entryBytes(entry, folder), 0);
  const lines = groups.flatMap((group, i) =>
    group.map(({ name }) => `    ${JSON.stringify(name)}: ${JSON.stringify(files[i])}`),
  );
  const text = `{\n  "metadata": {"total_size": ${total}},\n  "weight_map": {\n${lines.join(',\n')}\n  }\n}\n`;
  return new TextEncoder().encode(text);
}
