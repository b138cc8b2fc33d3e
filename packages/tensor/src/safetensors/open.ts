import { basename, dirname, fileStatus, join } from '../file-system/index.js';
import { type Bytes, byteSource, fileSource, toPath } from './bytes.js';
import { errorCode, reason, SafetensorsError } from './errors.js';
import { openSource, type SafetensorsSource } from './read.js';
import { INDEX_FILE, MODEL_FILE, type OpenFile, openSharded } from './sharded.js';

/** The files of a folder by name, for browsers. */
export type Files = ReadonlyMap<string, Bytes>;

/** Options of `openSafetensors`. */
export interface OpenOptions {
  /** The name of bytes in memory in errors. Default `safetensors`. */
  readonly name?: string;
}

/**
 * Opens a safetensors file, or a folder with `model.safetensors` or with `model.safetensors.index.json` and its shards.
 *
 * Only headers are read, and checked completely against the files' actual sizes; `read(name)` then reads a single tensor.
 * Untrusted files are safe to open: whatever is wrong with one is reported as a {@link SafetensorsError}.
 *
 * @param source path or `file:` URL of a file, an index or a folder ; in a browser an address, or a path in a mounted folder; or the content of one file; or files by name
 * @throws SafetensorsError with the file's name, the problem and a remedy
 */
export async function openSafetensors(
  source: string | URL | Bytes | Files,
  { name = 'safetensors' }: OpenOptions = {},
): Promise<SafetensorsSource> {
  if (typeof source === 'string' || source instanceof URL) return openPath(toPath(source));
  if (!isFiles(source)) return openSource(byteSource(source), name);
  return openFolder(name, async (file) => {
    const bytes = source.get(file);
    return bytes === undefined ? undefined : byteSource(bytes);
  });
}

function isFiles(source: Bytes | Files): source is Files {
  return source instanceof Map;
}

async function openPath(path: string): Promise<SafetensorsSource> {
  const inFolder = (folder: string) => async (file: string) => {
    const full = join(folder, file);
    return fileSource(full).catch((cause: unknown) => {
      if (errorCode(cause) === 'ENOENT') return undefined;
      throw failure(full, cause);
    });
  };
  try {
    if ((await fileStatus(path)).kind === 'folder') return await openFolder(path, inFolder(path));
    if (!path.endsWith('.index.json')) return await openSource(await fileSource(path), path);
    return await openSharded(path, inFolder(dirname(path)), basename(path));
  } catch (cause) {
    throw failure(path, cause);
  }
}

function failure(path: string, cause: unknown): SafetensorsError {
  if (cause instanceof SafetensorsError) return cause;
  return new SafetensorsError(path, `it cannot be opened: ${reason(cause)}`, 'check the path', { cause });
}

async function openFolder(folder: string, open: OpenFile): Promise<SafetensorsSource> {
  const single = await open(MODEL_FILE);
  if (single !== undefined) return openSource(single, `${folder}/${MODEL_FILE}`);
  return openSharded(`${folder}/${INDEX_FILE}`, open, INDEX_FILE);
}
