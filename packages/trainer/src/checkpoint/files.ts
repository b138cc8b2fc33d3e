import type { Flat, WeightSource } from '@blip2/tensor';
import { openSafetensors, writeSafetensors } from '@blip2/tensor/safetensors';
import { node } from './disk.js';

/** The storage operations of checkpoints, for storage other than Node's file system. Paths are joined with `/`. */
export interface CheckpointFiles {
  /** Lists the names in a folder; empty where the folder does not exist. */
  list(folder: string): Promise<string[]>;
  /** Creates a folder and those above it, where they do not exist. */
  makeFolder(folder: string): Promise<void>;
  /** Writes a text file. */
  writeText(path: string, text: string): Promise<void>;
  /** Reads a text file. */
  readText(path: string): Promise<string>;
  /** Writes a file of tensors. */
  writeTensors(path: string, tensors: Flat): Promise<void>;
  /** Opens a file of tensors. */
  openTensors(path: string): Promise<WeightSource>;
  /** Resolves when a file or folder is stored durably. */
  sync(path: string): Promise<void>;
  /** Renames a file or folder. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a folder with its content, if it exists. */
  remove(path: string): Promise<void>;
}

/** Stores checkpoints in the file system of Node. */
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
