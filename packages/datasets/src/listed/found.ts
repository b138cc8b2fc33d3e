import { lstat, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { isFile } from '@blip2/tensor/files';

/** A file that is there. */
export interface FoundFile {
  readonly size: number;
  readonly mtimeMs: number;
}

/** Looks files up below a folder, which no path or symbolic link may leave. */
export interface Lookup {
  /** Returns the file, or why it cannot be used. */
  find(path: string): Promise<FoundFile | string>;
}

/** Creates a lookup of files below `root` of at most `maxBytes` bytes each. */
export async function createLookup(root: string, maxBytes: number): Promise<Lookup> {
  const home = await realpath(root);
  const folders = new Map<string, Promise<string>>(); // real paths
  const realFolder = (path: string): Promise<string> => {
    const known = folders.get(path) ?? realpath(path);
    folders.set(path, known);
    return known;
  };
  const leaves = (real: string): boolean => {
    const inside = relative(home, real);
    return inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside);
  };
  return {
    async find(path) {
      try {
        const own = await lstat(path);
        const link = own.isSymbolicLink();
        const real = link ? await realpath(path) : await realFolder(dirname(path));
        if (leaves(real)) return 'a symbolic link leads out of the folder of the data set';
        const file = link ? await stat(path) : own;
        if (!file.isFile()) return 'it is no regular file';
        if (file.size === 0) return 'the file is empty';
        if (file.size > maxBytes) return `the file has ${file.size} bytes, more than ${maxBytes}`;
        return { size: file.size, mtimeMs: file.mtimeMs };
      } catch (error) {
        return whyUnreadable(error);
      }
    },
  };
}

/** Says why a file cannot be read. */
export function whyUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return 'the file may not be read; check its permissions';
  return code === undefined ? message : `the file cannot be read (${code})`;
}

/** Where images lie. */
export interface Place {
  readonly folder: string;
  /** Which of the paths that an image may have is right. */
  readonly choice: number;
}

/**
 * Returns the first folder, and which path in it, where one of the first images lies: data sets are unpacked in more ways than
 * one.
 * @param images the paths that each image may have
 * @returns the first, where nothing lies anywhere
 */
export async function findPlace(folders: readonly string[], images: readonly (readonly string[])[]): Promise<Place> {
  for (const paths of images.slice(0, 20)) {
    for (const folder of folders) {
      for (const [choice, path] of paths.entries()) if (await isFile(join(folder, path))) return { folder, choice };
    }
  }
  return { folder: folders[0]!, choice: 0 };
}
