import type { Flat, WeightSource } from '@blip2/tensor';
import { openSafetensors, writeSafetensors } from '@blip2/tensor/safetensors';
import { node } from './node.js';

/** What checkpoints need of a disk. Paths are joined with `/`. */
export interface CheckpointFiles {
  /** Names in a folder; none where there is no folder of that name. */
  list(folder: string): Promise<string[]>;
  makeFolder(folder: string): Promise<void>;
  writeText(path: string, text: string): Promise<void>;
  readText(path: string): Promise<string>;
  writeTensors(path: string, tensors: Flat): Promise<void>;
  openTensors(path: string): Promise<WeightSource>;
  /** Returns when a file or folder is on the disk itself. */
  sync(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all in it; nothing happens where there is none. */
  remove(path: string): Promise<void>;
}

/** The disk through Node. */
export const nodeFiles: CheckpointFiles = {
  async list(folder) {
    const { fs } = await node();
    return fs.readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
      throw error;
    });
  },
  async makeFolder(folder) {
    await (await node()).fs.mkdir(folder, { recursive: true });
  },
  async writeText(path, text) {
    await (await node()).fs.writeFile(path, text);
  },
  async readText(path) {
    return (await node()).fs.readFile(path, 'utf8');
  },
  async writeTensors(path, tensors) {
    const entries = Object.entries(tensors).map(([name, tensor]) => ({
      name,
      shape: tensor.shape,
      dtype: 'F32' as const,
      data: async () => (await tensor.data()) as Float32Array,
    }));
    await writeSafetensors(path, entries);
  },
  openTensors: (path) => openSafetensors(path),
  async sync(path) {
    const handle = await (await node()).fs.open(path, 'r');
    try {
      await handle.sync();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error; // Windows cannot sync folders
    } finally {
      await handle.close();
    }
  },
  async rename(from, to) {
    await (await node()).fs.rename(from, to);
  },
  async remove(path) {
    await (await node()).fs.rm(path, { recursive: true, force: true });
  },
};
