import { blobSource } from './byte-source.js';
import { fileError } from './errors.js';
import type { FolderEntry, FolderSource, FolderWriter, NewFile } from './file-system.js';
import { slashPaths } from './slash-paths.js';

const { dirname, basename } = slashPaths;

/** What directories have beyond TypeScript's declarations, which have no asynchronous iteration. */
interface Listed {
  entries(): AsyncIterable<[string, FileSystemHandle]>;
}

/** Renames in place, where the browser can. */
interface Movable {
  move?(parent: FileSystemDirectoryHandle, name: string): Promise<void>;
}

/** Writes in place, in workers of browsers without `createWritable`. */
interface InPlace {
  createSyncAccessHandle?(): Promise<{
    write(bytes: Uint8Array, options: { at: number }): number;
    truncate(size: number): void;
    flush(): void;
    close(): void;
  }>;
}

const nameOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'name' in error ? String(error.name) : '';

/** Turns what a browser throws into an error with the code that Node has for it. */
function asFileError(error: unknown, path: string): unknown {
  switch (nameOf(error)) {
    case 'NotFoundError':
      return fileError('ENOENT', path);
    case 'TypeMismatchError':
      return fileError('ENOTDIR', path);
    case 'QuotaExceededError':
      return fileError('ENOSPC', path);
    case 'NotAllowedError':
    case 'NoModificationAllowedError':
    case 'SecurityError':
      return fileError('EACCES', path);
    default:
      return error;
  }
}

/**
 * Wraps a directory that a page was given, by `showDirectoryPicker()`, by a drop, or of its own storage (OPFS), as the source of a
 * folder. Files are written under a hidden name by the browser and appear when they are complete.
 * @param root the directory; its permissions are the page's affair
 */
export function directoryFolder(root: FileSystemDirectoryHandle): FolderSource {
  async function folderAt(path: string, create = false): Promise<FileSystemDirectoryHandle> {
    let folder = root;
    try {
      for (const name of path.split('/')) {
        if (name !== '' && name !== '.') folder = await folder.getDirectoryHandle(name, { create });
      }
      return folder;
    } catch (error) {
      throw asFileError(error, path);
    }
  }

  async function fileAt(path: string): Promise<FileSystemFileHandle> {
    const folder = await folderAt(dirname(path));
    try {
      return await folder.getFileHandle(basename(path));
    } catch (error) {
      throw nameOf(error) === 'TypeMismatchError' ? fileError('EISDIR', path) : asFileError(error, path);
    }
  }

  const source: FolderSource = {
    async status(path) {
      if (path === '') return { kind: 'folder', size: 0, modified: 0 };
      try {
        const { size, lastModified } = await (await fileAt(path)).getFile();
        return { kind: 'file', size, modified: lastModified };
      } catch (error) {
        const { code } = error as { code?: unknown };
        if (code === 'EISDIR') return { kind: 'folder', size: 0, modified: 0 };
        if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
        throw asFileError(error, path);
      }
    },
    async open(path) {
      return blobSource(await (await fileAt(path)).getFile());
    },
    async list(path) {
      const folder = await folderAt(path);
      const found: FolderEntry[] = [];
      for await (const [name, { kind }] of (folder as unknown as Listed).entries()) {
        found.push({ name, kind: kind === 'file' ? 'file' : 'folder' });
      }
      return found;
    },
  };

  /** Fills a file from the beginning; what is thrown by a browser gets its code. */
  async function create(path: string): Promise<NewFile> {
    const folder = await folderAt(dirname(path));
    const name = basename(path);
    const fresh = !(await source.status(path));
    try {
      const handle = await folder.getFileHandle(name, { create: true });
      const file = await ('createWritable' in handle ? written(handle) : writtenInPlace(handle));
      const named = <A extends unknown[]>(work: (...args: A) => Promise<void>) => {
        return (...args: A) =>
          work(...args).catch((error: unknown) => {
            throw asFileError(error, path);
          });
      };
      const discard = async (): Promise<void> => {
        await file.discard();
        if (fresh) await folder.removeEntry(name).catch(() => {});
      };
      return { write: named(file.write), finish: named(file.finish), commit: named(file.commit), discard };
    } catch (error) {
      throw asFileError(error, path);
    }
  }

  const writer: FolderWriter = {
    create,
    async makeFolder(path) {
      await folderAt(path, true);
    },
    async rename(from, to) {
      const found = await source.status(from);
      if (!found) throw fileError('ENOENT', from);
      if (found.kind === 'folder') {
        await writer.makeFolder(to);
        for (const { name } of await source.list!(from)) await writer.rename(`${from}/${name}`, `${to}/${name}`);
        return writer.remove(from);
      }
      const handle = await fileAt(from);
      const moved = await (handle as Movable)
        .move?.(await folderAt(dirname(to)), basename(to))
        .then(() => true)
        .catch(() => false);
      if (moved) return;
      const copy = await create(to);
      try {
        for (let at = 0, blob = await handle.getFile(); at < blob.size; at += PIECE) {
          await copy.write(new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer()));
        }
        await copy.finish();
        await copy.commit();
      } catch (error) {
        await copy.discard();
        throw error;
      }
      await writer.remove(from);
    },
    async remove(path) {
      if (path === '') {
        for (const { name } of await source.list!('')) await root.removeEntry(name, { recursive: true });
        return;
      }
      if (!(await source.status(path))) return;
      const folder = await folderAt(dirname(path));
      await folder.removeEntry(basename(path), { recursive: true }).catch((error: unknown) => {
        throw asFileError(error, path);
      });
    },
  };

  return { ...source, writer };
}

const PIECE = 8 * 2 ** 20;

async function written(handle: FileSystemFileHandle): Promise<NewFile> {
  const stream = await handle.createWritable();
  return {
    write: (bytes) => stream.write(bytes as Uint8Array<ArrayBuffer>),
    finish: async () => {},
    commit: () => stream.close(),
    discard: () => stream.abort().catch(() => {}),
  };
}

async function writtenInPlace(handle: FileSystemFileHandle): Promise<NewFile> {
  const access = await (handle as InPlace).createSyncAccessHandle?.();
  if (!access) throw fileError('EROFS', handle.name);
  access.truncate(0);
  let end = 0;
  return {
    async write(bytes) {
      end += access.write(bytes, { at: end });
    },
    finish: async () => access.flush(),
    commit: async () => access.close(),
    discard: async () => access.close(),
  };
}
