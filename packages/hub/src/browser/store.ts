import { isJson } from '@blip2/tensor';
import {
  directoryFolder,
  type FolderSource,
  join,
  listFolder,
  makeFolder,
  mountFolder,
  readJson,
  removePath,
  writeBytes,
} from '@blip2/tensor/files';
import { openParts, storedBytes } from './parts.js';

/** What identifies the content of a file of a model. */
export interface FileVersion {
  readonly size: number;
  /** Its etag, where the server states one. */
  readonly etag?: string | undefined;
}

/** What is stored of a model, in `model.json` beside the parts of its files. */
export interface StoredModel {
  /** The name on the hub, or the address. */
  readonly name: string;
  /** The files that it consists of, those that were not downloaded yet included. */
  readonly files: Readonly<Record<string, FileVersion>>;
  /** The files that are complete and verified. */
  readonly done: readonly string[];
}

/** A place for models: a folder that is mounted. */
export interface ModelStore {
  /** The path of the folder. */
  readonly root: string;
  /** How many more bytes may be stored. */
  free(): Promise<number>;
  /** Waits until no other tab stores that model, and then does the work. */
  alone<T>(name: string, work: () => Promise<T>): Promise<T>;
}

const FOLDER = 'blip2-models';
const RECORD = 'model.json';
let opened: Promise<ModelStore | undefined> | undefined;

/** Opens the page's own storage; undefined where the browser has none, or none for this page. */
export function openStore(): Promise<ModelStore | undefined> {
  opened ??= originStore().catch(() => undefined);
  return opened;
}

async function originStore(): Promise<ModelStore | undefined> {
  const { storage, locks } = navigator;
  if (!storage?.getDirectory) return undefined;
  const folder = await (await storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
  return {
    root: mountFolder(directoryFolder(folder), { name: FOLDER }),
    async free() {
      const { quota = 0, usage = 0 } = await storage.estimate();
      return quota - usage;
    },
    alone: async (name, work) => (locks ? locks.request(`blip2 ${name}`, work) : work()),
  };
}

/** The folder of a model in a store. */
export const modelFolder = ({ root }: ModelStore, name: string): string => join(root, keyOf(name));

/** Names of folders are limited to 255 bytes, which addresses may exceed. */
function keyOf(name: string): string {
  const key = encodeURIComponent(name);
  if (key.length <= 200) return key;
  let sum = 0;
  for (const char of name) sum = (sum * 31 + char.codePointAt(0)!) % 2 ** 45;
  return `${key.slice(0, 180)}-${sum.toString(36)}`;
}

/** Reads what is stored of a model; undefined where there is nothing, or nothing that can be read. */
export async function readStored(folder: string): Promise<StoredModel | undefined> {
  const json = await readJson(join(folder, RECORD)).catch(() => undefined);
  const { name, files, done } = json ?? {};
  if (typeof name !== 'string' || !isJson(files) || !Array.isArray(done)) return undefined;
  return { name, files: files as StoredModel['files'], done };
}

/** Writes what is stored of a model. */
export async function writeStored(folder: string, model: StoredModel): Promise<void> {
  await makeFolder(folder);
  await writeBytes(join(folder, RECORD), `${JSON.stringify(model)}\n`);
}

/** Whether all files of a model are stored. */
export const isComplete = ({ files, done }: StoredModel): boolean =>
  Object.keys(files).every((file) => done.includes(file));

/** Lists what is stored. */
export async function storedModels(store: ModelStore): Promise<StoredModel[]> {
  const found: StoredModel[] = [];
  for (const { name } of await listFolder(store.root)) {
    const model = await readStored(join(store.root, name));
    if (model) found.push(model);
  }
  return found;
}

/** Removes a model. @returns whether there was one */
export async function removeStored(store: ModelStore, name: string): Promise<boolean> {
  const key = keyOf(name);
  if (!(await listFolder(store.root)).some((entry) => entry.name === key)) return false;
  await removePath(join(store.root, key));
  return true;
}

/** The files of a stored model as a folder that can be mounted. */
export function storedFolder(folder: string, { files }: StoredModel): FolderSource {
  const below = (path: string): boolean =>
    Object.keys(files).some((file) => path === '' || file.startsWith(`${path}/`));
  return {
    async status(path) {
      const file = Object.hasOwn(files, path) ? files[path] : undefined;
      if (file) return { kind: 'file', size: await storedBytes(folder, path), modified: 0 };
      return below(path) ? { kind: 'folder', size: 0, modified: 0 } : undefined;
    },
    open: (path) => openParts(folder, path),
  };
}
