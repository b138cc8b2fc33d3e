import type { Flat, WeightSource } from '@blip2/tensor';
import { listFolder, makeFolder, readText, removePath, renamePath, syncPath, writeBytes } from '@blip2/tensor/files';
import { openSafetensors, writeSafetensors } from '@blip2/tensor/safetensors';

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

/** Stores checkpoints in the file system of Node, and in folders that are mounted (`mountFolder` of `@blip2/tensor/files`). */
export const nodeFiles: CheckpointFiles = {
  async list(folder) {
    const entries = await listFolder(folder).catch((error: { code?: string }) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
      throw error;
    });
    return entries.map(({ name }) => name);
  },
  makeFolder,
  writeText: writeBytes,
  readText,
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
  sync: syncPath,
  rename: renamePath,
  remove: removePath,
};
