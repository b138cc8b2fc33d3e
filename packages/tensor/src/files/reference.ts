import { isJson, type Json, show } from '@blip2/tensor';
import { isDownloaded, realPath, resolve } from '../file-system/index.js';
import { isGguf } from './gguf.js';
import { isFile } from './paths.js';

/** A part of a model that lies in a folder of its own, of which several models share one copy. */
export interface FolderReference {
  /** The path of that folder, or of that GGUF file. */
  readonly folder: string;
  /** Keys that replace those of its `config.json`. */
  readonly changes: Json;
}

/** Options of `readReference`. */
export interface ReferenceOptions {
  /** The folder of the model whose `config.json` the part is in. */
  readonly model: string;
  /** The key of the part, such as `vision_config`. */
  readonly key: string;
  /** The keys that may stand beside `folder`. Default: none. */
  readonly allowed?: readonly string[];
}

/** How a folder in the cache of the Hugging Face hub ends, wherever that cache is. */
const DOWNLOADED = /[\\/]models--[^\\/]+[\\/]snapshots[\\/][^\\/]+[\\/]?$/;

/** A path from the root, on any system: from a slash, a drive or a server. */
const ABSOLUTE = /^(?:[\\/]|[a-z]:[\\/]|[a-z][\w+.-]*:\/\/|mount:)/i;

/**
 * Reads a part of a model's `config.json` that refers to a folder, `{"folder": "../../vision"}`, or to a GGUF file: a path
 * relative to that of the model, so that both can be moved together.
 * @returns undefined for a part that does not refer to a folder
 * @throws for a path that is not relative, a folder without `config.json`, a key that is not allowed, and for a model in the
 * hub's cache: what was downloaded must not decide which other files are read
 */
export async function readReference(part: unknown, options: ReferenceOptions): Promise<FolderReference | undefined> {
  if (!isJson(part) || part.folder === undefined) return undefined;
  const { model, key, allowed = [] } = options;
  const { folder: path, ...changes } = part;
  const says = `${key} in ${model}/config.json refers to the folder ${show(path)}`;
  if (isDownloaded(model) || DOWNLOADED.test(await realPath(model).catch(() => model))) {
    throw new Error(`${says}, but a model from the hub must hold all of its parts; take a model that does.`);
  }
  if (typeof path !== 'string' || path === '' || ABSOLUTE.test(path)) {
    throw new Error(`${says}, which is no relative path; give a path relative to the folder of the model.`);
  }
  const unknown = Object.keys(changes).find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    const known = allowed.length > 0 ? `only ${allowed.join(', ')} may` : 'nothing may';
    throw new Error(`${says} and has the key ${show(unknown)}; ${known} stand beside folder.`);
  }
  const folder = resolve(model, path);
  if (await isFile(isGguf(folder) ? folder : resolve(folder, 'config.json'))) return { folder, changes };
  throw new Error(`${says}, and '${folder}' holds no config.json; put that model there, or save this one with a copy.`);
}
