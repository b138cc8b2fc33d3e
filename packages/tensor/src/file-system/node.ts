import { promises } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileKind, LocalFiles, NewFile } from './file-system.js';

const LARGEST = 2 ** 30; // one read or write call of Node takes less than 2 GiB

interface Kinds {
  isFile(): boolean;
  isDirectory(): boolean;
}

const kindOf = (found: Kinds): FileKind => (found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other');

const randomSuffix = (): string => Math.random().toString(36).slice(2, 10);

/** The files of Node. */
export const local: LocalFiles = {
  async status(path) {
    const found = await promises.stat(path);
    return { kind: kindOf(found), size: found.size, modified: found.mtimeMs };
  },
  async list(path) {
    const found = await promises.readdir(path, { withFileTypes: true });
    return found.map((entry) => ({ name: entry.name, kind: entry.isSymbolicLink() ? 'link' : kindOf(entry) }));
  },
  async read(path) {
    const bytes = await promises.readFile(path);
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  },
  async open(path) {
    const handle = await promises.open(path, 'r');
    const { size } = await handle.stat();
    const readInto = async (target: Uint8Array, offset: number): Promise<number> => {
      const { length } = target;
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(target, done, Math.min(length - done, LARGEST), offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    };
    return {
      size,
      async read(offset, length) {
        const bytes = new Uint8Array(length);
        return bytes.subarray(0, await readInto(bytes, offset));
      },
      readInto,
      close: () => handle.close(),
    };
  },
  async create(path): Promise<NewFile> {
    const temporary = `${path}.${randomSuffix()}.tmp`;
    const handle = await promises.open(temporary, 'wx');
    let open = true;
    const close = async (): Promise<void> => {
      if (!open) return;
      open = false;
      await handle.close();
    };
    return {
      async write(bytes) {
        for (let at = 0; at < bytes.byteLength; ) {
          const { bytesWritten } = await handle.write(bytes, at, Math.min(bytes.byteLength - at, LARGEST));
          if (bytesWritten === 0) throw new Error('the disk accepts no more bytes');
          at += bytesWritten;
        }
      },
      async finish() {
        await handle.sync();
        await close();
      },
      async commit() {
        await promises.rename(temporary, path);
        await syncFolder(dirname(path));
      },
      async discard() {
        await close().catch(() => {});
        await promises.rm(temporary, { force: true });
      },
    };
  },
  write: (path, bytes) => promises.writeFile(path, bytes),
  append: (path, text) => promises.appendFile(path, text),
  async makeFolder(path) {
    await promises.mkdir(path, { recursive: true });
  },
  rename: (from, to) => promises.rename(from, to),
  remove: (path) => promises.rm(path, { recursive: true, force: true }),
  realPath: (path) => promises.realpath(path),
  async sync(path) {
    const handle = await promises.open(path, 'r');
    try {
      await handle.sync();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error; // Windows cannot sync folders
    } finally {
      await handle.close();
    }
  },
  async scratch(path) {
    const temporary = `${path}.${randomSuffix()}.tmp`;
    const handle = await promises.open(temporary, 'wx+');
    let end = 0;
    return {
      async keep(bytes) {
        const [start, size] = [end, bytes.byteLength];
        for (let done = 0; done < size; ) {
          done += (await handle.write(bytes, done, size - done, start + done)).bytesWritten;
        }
        end += size;
        return async () => {
          const kept = new Uint8Array(size);
          for (let done = 0; done < size; ) {
            const { bytesRead } = await handle.read(kept, done, size - done, start + done);
            if (bytesRead === 0) throw new Error(`${temporary} was truncated while it was in use; run this again.`);
            done += bytesRead;
          }
          return kept;
        };
      },
      async close() {
        await handle.close();
        await promises.rm(temporary, { force: true });
      },
    };
  },
  fromUrl(url) {
    if (url.protocol === 'file:') return fileURLToPath(url);
    throw new Error(`'${url.href}' is not a file: URL; give a path or a file: URL.`);
  },
  paths: { join, dirname, basename: (path) => basename(path), resolve, relative, isAbsolute, sep },
  environment: () => process.env,
  home: homedir,
};

/** Makes a rename durable, on systems that can sync folders. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await promises.open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
