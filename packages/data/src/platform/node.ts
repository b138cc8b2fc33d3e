import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileStatus, join, readBytes } from '@blip2/tensor/files';
import type { Platform, RecordFiles } from './platform.js';
import { decodeWithSharp, encodePngWithSharp } from './sharp.js';

/** Returns the code of a system error; `instanceof Error` fails across realms. */
function codeOf(reason: unknown): unknown {
  return typeof reason === 'object' && reason !== null ? Reflect.get(reason, 'code') : undefined;
}

async function checkSize(path: string, maxBytes: number): Promise<void> {
  const found = await fileStatus(path);
  if (found.kind === 'folder') return; // reading it reports that
  if (found.kind !== 'file') throw new Error(`${path} is not a regular file: replace it with the model's file.`);
  if (found.size > maxBytes) {
    throw new Error(`${path} has ${found.size} bytes, more than ${maxBytes}: replace it with the model's file.`);
  }
}

const files: RecordFiles = {
  async create(path) {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'w');
    return {
      async append(bytes) {
        await handle.writeFile(bytes);
      },
      async close() {
        await handle.sync();
        await handle.close();
      },
    };
  },
  async open(path) {
    const handle = await open(path, 'r');
    const { size } = await handle.stat();
    return {
      size,
      async read(into, offset) {
        for (let at = 0; at < into.length; ) {
          const { bytesRead } = await handle.read(into, at, into.length - at, offset + at);
          if (bytesRead === 0)
            throw new Error(
              `${path} ends at byte ${offset + at}, in the middle of a record: delete it and compute it again.`,
            );
          at += bytesRead;
        }
      },
      close: () => handle.close(),
    };
  },
  rename,
  write: (path, bytes) => writeFile(path, bytes),
  remove: (path) => rm(path, { force: true }),
};

export const platform: Platform = {
  decode: decodeWithSharp,
  encodePng: encodePngWithSharp,

  locate(source) {
    if (typeof source === 'string') return source;
    if (source.protocol === 'file:') return fileURLToPath(source);
    throw new Error(`${source.href} is not a file URL: download the file and give its path.`);
  },

  async readBytes(path, maxBytes) {
    try {
      if (maxBytes !== undefined) await checkSize(path, maxBytes);
      return await readBytes(path);
    } catch (reason) {
      const code = codeOf(reason);
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      if (code === 'EISDIR') throw new Error(`"${path}" is a folder, not a file: give the path of a file in it.`);
      throw reason;
    }
  },

  join,
  files,
};
