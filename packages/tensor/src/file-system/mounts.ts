import { fileError } from './errors.js';
import type { FolderSource, FolderWriter } from './file-system.js';

/** A folder that is mounted. */
export interface Mount {
  readonly source: FolderSource;
  /** Whether it was downloaded from a hub: its models must hold all of their parts. */
  readonly downloaded: boolean;
}

/** Options of `mountFolder`. */
export interface MountOptions {
  /** What the folder is called in messages. Default `folder`. */
  readonly name?: string | undefined;
  /** The path that it gets, in place of one of the form `mount:NAME`: an address such as `https://example.com`. */
  readonly root?: string | undefined;
  /** Whether it was downloaded from a hub: its models must then hold all of their parts. Default false. */
  readonly downloaded?: boolean | undefined;
}

const mounts = new Map<string, Mount>();

/**
 * Gives a folder a path, `mount:NAME`, under which every function that takes the path of a folder or file finds it, until
 * `unmountFolder` is called. The `..` of a path leads nowhere above it.
 * @returns the path
 */
export function mountFolder(source: FolderSource, options: MountOptions = {}): string {
  const { name = 'folder', downloaded = false } = options;
  const plain = name.replace(/[^\p{L}\p{N}._@ -]+/gu, '-') || 'folder';
  let root = options.root ?? `mount:${plain}`;
  for (let i = 2; options.root === undefined && mounts.has(root); i++) root = `mount:${plain}-${i}`;
  mounts.set(root, { source, downloaded });
  return root;
}

/** Takes a path away from its folder; nothing that the folder holds is changed. */
export function unmountFolder(root: string): void {
  mounts.delete(root);
}

/** A place in a mounted folder. */
export interface Place extends Mount {
  /** Relative to the folder. */
  readonly path: string;
}

/** Finds the mounted folder that a path lies in; undefined for any other path. */
export function placeOf(path: string): Place | undefined {
  if (!VIRTUAL.test(path)) return undefined;
  let best: string | undefined;
  for (const root of mounts.keys()) {
    const within = path === root || path.startsWith(`${root}/`);
    if (within && root.length > (best?.length ?? -1)) best = root;
  }
  if (best !== undefined) return { ...mounts.get(best)!, path: path.slice(best.length + 1) };
  if (path.startsWith('mount:')) throw fileError('ENOENT', path);
  return undefined;
}

/** How paths of mounted folders begin. */
const VIRTUAL = /^(mount:|https?:\/\/)/;

/** Whether a path is one of a mounted folder. */
export const isMounted = (path: string): boolean => path.startsWith('mount:') || placeOf(path) !== undefined;

/** The writer of a mounted folder. @throws where it can only be read */
export function writerOf({ source }: Place, path: string): FolderWriter {
  if (source.writer) return source.writer;
  throw fileError('EROFS', path);
}
