import { spawnSync } from 'node:child_process';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of weights of a folder, in order. */
export async function weightFiles(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors')).sort();
  if (names.length === 0) throw new Error(`There are no .safetensors files in '${folder}'; give a model's folder.`);
  return names.map((name) => join(folder, name));
}

/** Sums the bytes of files. */
export async function bytesOf(files: readonly string[]): Promise<number> {
  return (await Promise.all(files.map((file) => stat(file)))).reduce((sum, { size }) => sum + size, 0);
}

const PIECE = 8 * 2 ** 20;

/** Reads the files of weights of a folder one after the other, into a buffer of 8 MiB that is used again. */
export async function readPlainly(folder: string): Promise<void> {
  const buffer = new Uint8Array(PIECE);
  for (const path of await weightFiles(folder)) {
    const file: FileHandle = await open(path);
    while ((await file.read(buffer, 0, PIECE)).bytesRead > 0);
    await file.close();
  }
}

/**
 * Removes files from the system's cache, so that they are read from the disk.
 * @returns false where the system has no `dd` that can (coreutils, on Linux)
 */
export function evict(files: readonly string[]): boolean {
  return files.every((file) => spawnSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']).status === 0);
}
