import { local } from '#file-system';
import type { ByteSource } from './byte-source.js';
import { fileError } from './errors.js';
import type { FileStatus, FolderEntry, NewFile, Paths, Scratch } from './file-system.js';
import { memoryScratch } from './memory.js';
import { isMounted, type Place, placeOf, writerOf } from './mounts.js';
import { slashPaths } from './slash-paths.js';

// Every function takes a path of a mounted folder as well as one of this computer.

/** What a path leads to. @throws where there is nothing (`code` ENOENT), or it cannot be accessed */
export async function fileStatus(path: string): Promise<FileStatus> {
  const place = placeOf(path);
  if (!place) return local.status(path);
  const found = await place.source.status(place.path);
  if (found) return found;
  throw fileError('ENOENT', path);
}

/** Lists a folder, in no particular order. @throws where it is none, or cannot be listed */
export async function listFolder(path: string): Promise<readonly FolderEntry[]> {
  const place = placeOf(path);
  if (!place) return local.list(path);
  const { kind } = await fileStatus(path);
  if (kind !== 'folder') throw fileError('ENOTDIR', path);
  if (!place.source.list) throw fileError('ENOTSUP', path);
  return place.source.list(place.path);
}

/** Opens a regular file for positioned reads. @throws where there is none, or it cannot be read */
export async function openFile(path: string): Promise<ByteSource> {
  const place = placeOf(path);
  if (!place) return local.open(path);
  await expectFile(path);
  return place.source.open(place.path);
}

/** Reads a file as a whole. @throws where there is none, or it cannot be read */
export async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!placeOf(path)) return local.read(path);
  const source = await openFile(path);
  try {
    const bytes = await source.read(0, source.size);
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  } finally {
    await source.close();
  }
}

/** Reads a file as UTF-8 text. @throws where there is none, or it cannot be read */
export async function readText(path: string): Promise<string> {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await readBytes(path));
}

/** Begins a file that appears under its path when it is committed; see {@link NewFile}. */
export async function createFile(path: string): Promise<NewFile> {
  const place = placeOf(path);
  return place ? writerOf(place, path).create(place.path) : local.create(path);
}

/** Writes a file as a whole. */
export async function writeBytes(path: string, bytes: Uint8Array | string): Promise<void> {
  if (!placeOf(path)) return local.write(path, bytes);
  const file = await createFile(path);
  try {
    await file.write(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
    await file.finish();
    await file.commit();
  } catch (error) {
    await file.discard().catch(() => {});
    throw error;
  }
}

/** Appends text to a file, which is created where it does not exist; in a mounted folder it is written anew. */
export async function appendText(path: string, text: string): Promise<void> {
  if (!placeOf(path)) return local.append(path, text);
  const before = await readText(path).catch((error: { code?: string }) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  await writeBytes(path, before + text);
}

/** Creates a folder and those above it, where they do not exist. */
export async function makeFolder(path: string): Promise<void> {
  const place = placeOf(path);
  return place ? writerOf(place, path).makeFolder(place.path) : local.makeFolder(path);
}

/** Renames a file or folder; both paths lie in the same mounted folder, or on this computer. */
export async function renamePath(from: string, to: string): Promise<void> {
  const [old, place] = [placeOf(from), placeOf(to)];
  if (!old && !place) return local.rename(from, to);
  if (old?.source !== place?.source) throw fileError('EROFS', to);
  return writerOf(old as Place, from).rename(old!.path, place!.path);
}

/** Removes a file, or a folder with what it holds, if it exists. */
export async function removePath(path: string): Promise<void> {
  const place = placeOf(path);
  return place ? writerOf(place, path).remove(place.path) : local.remove(path);
}

/** The path of what a path leads to, without symbolic links; a mounted folder has none. */
export async function realPath(path: string): Promise<string> {
  if (!placeOf(path)) return local.realPath(path);
  await fileStatus(path);
  return path;
}

/** Resolves when a file or folder is stored durably; browsers do so by themselves. */
export async function syncPath(path: string): Promise<void> {
  if (!placeOf(path)) await local.sync(path);
}

/** Opens a place for bytes next to a file that will be written later: on the disk where there is one, else in memory. */
export async function openScratch(path: string): Promise<Scratch> {
  return placeOf(path) ? memoryScratch() : local.scratch(path);
}

/** Whether a path lies in a folder that was downloaded from a hub, as far as that is known of a mounted folder. */
export const isDownloaded = (path: string): boolean => placeOf(path)?.downloaded ?? false;

/** The environment variables of the process; none in a browser. */
export const environment = (): Readonly<Record<string, string | undefined>> => local.environment();

/** The user's own folder; the empty path in a browser. */
export const homeFolder = (): string => local.home();

/** The path of a `file:` URL, in a browser the address of an http URL. @throws for a URL of another protocol */
export const pathOfUrl = (url: URL): string => local.fromUrl(url);

const pathsOf = (path: string): Paths => (isMounted(path) ? slashPaths : local.paths);

/** Joins parts of a path. */
export const join = (first: string, ...parts: string[]): string => pathsOf(first).join(first, ...parts);
/** The folder that a path lies in. */
export const dirname = (path: string): string => pathsOf(path).dirname(path);
/** The last name of a path. */
export const basename = (path: string): string => pathsOf(path).basename(path);
/** The absolute path of one that is relative to a folder, by default to the current one. */
export const resolve = (base: string, path = ''): string => pathsOf(base).resolve(base, path);
/** The path that leads from one folder to another. */
export const relative = (from: string, to: string): string => pathsOf(from).relative(from, to);
/** Whether a path does not depend on the current folder. */
export const isAbsolute = (path: string): boolean => pathsOf(path).isAbsolute(path);

/** What stands between the names of a path: a slash, or on Windows a backslash. */
export const separatorOf = (path: string): string => pathsOf(path).sep;

async function expectFile(path: string): Promise<void> {
  const { kind } = await fileStatus(path);
  if (kind !== 'file') throw fileError('EISDIR', path);
}
