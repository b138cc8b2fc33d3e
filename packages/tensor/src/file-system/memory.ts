import { byteSource } from './byte-source.js';
import { fileError } from './errors.js';
import type { FileStatus, FolderEntry, FolderSource, FolderWriter, NewFile, Scratch } from './file-system.js';

/** The content of a file in memory: bytes, or a `Blob` or `File`, which a browser may keep on its disk. */
export type FileContent = Uint8Array | Blob;

/** A folder in memory, which can be read and written. */
export interface MemoryFolder extends FolderSource {
  /** The files by path, with slashes: those that were given, and those that were written since, as a `Blob` each. */
  readonly files: ReadonlyMap<string, FileContent>;
  readonly list: NonNullable<FolderSource['list']>;
  readonly writer: FolderWriter;
}

/**
 * Creates a folder in memory. What is written to it can be offered for download, or read as a model again.
 * @param files by path, with slashes; content is borrowed. Default: none
 */
export function memoryFolder(files: Iterable<readonly [path: string, content: FileContent]> = []): MemoryFolder {
  const held = new Map<string, FileContent>(files);
  const folders = new Set<string>();
  const inside = (folder: string): string[] => {
    const prefix = folder === '' ? '' : `${folder}/`;
    return [...held.keys(), ...folders].filter((path) => path.startsWith(prefix) && path !== folder);
  };
  const isFolder = (path: string): boolean => path === '' || folders.has(path) || inside(path).length > 0;

  async function status(path: string): Promise<FileStatus | undefined> {
    const content = held.get(path);
    if (content) return { kind: 'file', size: sizeOf(content), modified: modifiedOf(content) };
    return isFolder(path) ? { kind: 'folder', size: 0, modified: 0 } : undefined;
  }

  const writer: FolderWriter = {
    async create(path): Promise<NewFile> {
      const pieces: Uint8Array<ArrayBuffer>[] = [];
      return {
        write: async (bytes) => void pieces.push(new Uint8Array(bytes)), // a copy: the writer may go on with its own
        finish: async () => {},
        async commit() {
          if (isFolder(path)) throw fileError('EISDIR', path);
          held.set(path, new Blob(pieces.splice(0)));
        },
        discard: async () => void pieces.splice(0),
      };
    },
    async makeFolder(path) {
      const names = path.split('/');
      for (let i = 1; i <= names.length && path !== ''; i++) {
        const folder = names.slice(0, i).join('/');
        if (held.has(folder)) throw fileError('ENOTDIR', folder);
        folders.add(folder);
      }
    },
    async rename(from, to) {
      if (!(await status(from))) throw fileError('ENOENT', from);
      for (const path of [from, ...inside(from)]) {
        const content = held.get(path);
        const moved = to + path.slice(from.length);
        if (content) held.set(moved, content);
        if (folders.has(path)) folders.add(moved);
        held.delete(path);
        folders.delete(path);
      }
    },
    async remove(path) {
      for (const one of [path, ...inside(path)]) {
        held.delete(one);
        folders.delete(one);
      }
    },
  };

  return {
    files: held,
    status,
    async open(path) {
      const content = held.get(path);
      if (content) return byteSource(content);
      throw fileError(isFolder(path) ? 'EISDIR' : 'ENOENT', path);
    },
    async list(path) {
      const start = path === '' ? 0 : path.length + 1;
      const entries = new Map<string, FolderEntry>();
      for (const one of inside(path)) {
        const [name = '', ...below] = one.slice(start).split('/');
        entries.set(name, { name, kind: below.length > 0 || folders.has(one) ? 'folder' : 'file' });
      }
      return [...entries.values()];
    },
    writer,
  };
}

const sizeOf = (content: FileContent): number => (ArrayBuffer.isView(content) ? content.byteLength : content.size);

const modifiedOf = (content: FileContent): number =>
  'lastModified' in content && typeof content.lastModified === 'number' ? content.lastModified : 0;

/** The files of an `<input webkitdirectory>` or of a drop, by their paths below the folder that holds all of them. */
export function filesByPath(files: Iterable<File>): [path: string, file: File][] {
  const all = [...files].map((file): [string[], File] => {
    const { webkitRelativePath: path = '' } = file as { webkitRelativePath?: string };
    return [(path || file.name).split('/').filter((name) => name !== ''), file];
  });
  const first = all[0]?.[0][0];
  const common = all.length > 0 && all.every(([names]) => names.length > 1 && names[0] === first);
  return all.map(([names, file]) => [names.slice(common ? 1 : 0).join('/'), file]);
}

/** Keeps bytes in memory. */
export function memoryScratch(): Scratch {
  const kept = new Map<number, Uint8Array>();
  let next = 0;
  return {
    async keep(bytes) {
      const key = next++;
      kept.set(key, bytes.slice());
      return async () => {
        const found = kept.get(key);
        if (found) return found.slice();
        throw new Error('These values were released already; read them before close().');
      };
    },
    close: async () => kept.clear(),
  };
}
