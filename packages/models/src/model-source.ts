import { type ResolveOptions, resolveModel } from '@blip2/hub';
import {
  directoryFolder,
  type FolderSource,
  filesByPath,
  isFile,
  join,
  listFolder,
  memoryFolder,
  mountFolder,
  readJson,
  unmountFolder,
} from '@blip2/tensor/files';
import { starterFolder } from '#system';

/**
 * Where a model comes from: a path, a URL, or a name on the Hugging Face hub; the files of an `<input type="file" webkitdirectory>`
 * or of a drop; a directory that a page was given (`showDirectoryPicker()`), or one of its own storage; or any folder that can be
 * mounted, such as `memoryFolder()` of `@blip2/tensor/files`.
 */
export type ModelSource = string | URL | Iterable<File> | FileSystemDirectoryHandle | FolderSource;

/** Options of `openModelSource`. */
export interface SourceOptions extends ResolveOptions {
  /**
   * Where the folder of models of `@blip2/starter` lies, a path or an address, where it was copied elsewhere. Default: the package's own.
   * A page without a bundler, or with one that knows `new URL(file, import.meta.url)`, needs nothing here.
   */
  readonly starter?: string | URL | undefined;
}

/** A model's folder, open for functions that take its path. */
export interface OpenedSource {
  /** The path of the folder. */
  readonly folder: string;
  /** Forgets a folder that was mounted for this. */
  close(): void;
}

/**
 * Gives a model's folder a path, and downloads it where it is on the hub.
 * @param source Default: the model of `@blip2/starter`
 * @throws as `resolveModel` does
 */
export async function openModelSource(
  source: ModelSource | undefined,
  options: SourceOptions = {},
): Promise<OpenedSource> {
  const close = (): void => {};
  if (source === undefined) return { folder: await starterFolder('blip2', options.starter), close };
  if (typeof source === 'string' || 'href' in source) return { folder: await resolveModel(source, options), close };
  const [files, name] = folderOf(source);
  const root = mountFolder(files, { name });
  try {
    return { folder: await modelWithin(root), close: () => unmountFolder(root) };
  } catch (error) {
    unmountFolder(root);
    throw error;
  }
}

/** Finds the model in a folder: that folder itself, or the only one of those in it that is a model of BLIP-2 or of a training run. */
async function modelWithin(root: string): Promise<string> {
  if ((await isFile(join(root, CONFIG))) || (await isRun(root))) return root;
  const entries = await listFolder(root).catch(() => []);
  const found: string[] = [];
  for (const { name, kind } of entries) {
    const folder = join(root, name);
    if (kind !== 'folder') continue;
    const type = (await readJson(join(folder, CONFIG)).catch(() => undefined))?.model_type;
    if (type === 'blip-2' || type === 'instructblip' || (await isRun(folder))) found.push(folder);
  }
  return found.length === 1 ? found[0]! : root;
}

const CONFIG = 'config.json';

async function isRun(folder: string): Promise<boolean> {
  const stages = ['stage1', 'stage2'].map((stage) => isFile(join(folder, stage, CONFIG)));
  return (await Promise.all(stages)).some(Boolean);
}

/** What a source of files is mounted as, with a name for messages. */
function folderOf(source: Exclude<ModelSource, string | URL>): [folder: FolderSource, name: string] {
  if ('status' in source) return [source, 'model'];
  if ('getFileHandle' in source) return [directoryFolder(source), source.name || 'model'];
  const files = [...source];
  const { webkitRelativePath: path = '' } = (files[0] ?? {}) as { webkitRelativePath?: string };
  return [memoryFolder(filesByPath(files)), path.includes('/') ? path.split('/')[0]! : 'model'];
}

/** Words for a source in messages. */
export function describeSource(source: ModelSource | undefined, folder: string): string {
  return typeof source === 'string' || (typeof source === 'object' && 'href' in source) ? String(source) : folder;
}
