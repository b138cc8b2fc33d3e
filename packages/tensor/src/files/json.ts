import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Json, parseJson } from '@blip2/tensor';
import { isFolder } from './paths.js';

/** No configuration of a model is larger: what is here belongs to something else, and is not read. */
const LARGEST = 10_000_000;

/** A file of JSON that holds an object; undefined where there is none. @throws for a file that is no such JSON */
export async function readJson(path: string): Promise<Json | undefined> {
  let bytes: Uint8Array;
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size > LARGEST) {
      const problem = found.isFile() ? `has ${found.size} bytes, more than ${LARGEST}` : 'is not a regular file';
      throw new Error(`${path} ${problem}; put the model's own JSON file there.`);
    }
    bytes = await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw code ? new Error(`${path} cannot be read (${code}); check the path and its permissions.`) : error;
  }
  return parseJson(bytes, path);
}

/** The `config.json` of a folder. @throws when there is no such folder or file */
export async function readConfigJson(folder: string): Promise<Json> {
  const json = await readJson(join(folder, 'config.json'));
  if (json) return json;
  throw new Error(
    `There is no ${(await isFolder(folder)) ? 'config.json in the folder' : 'folder'} '${folder}'; give a folder that holds config.json.`,
  );
}

/** What a folder says of how texts are made, among it the ids that begin and end them; undefined where it says nothing. */
export const readGenerationJson = (folder: string): Promise<Json | undefined> =>
  readJson(join(folder, 'generation_config.json'));
