import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export type Json = { readonly [key: string]: unknown };

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A file of JSON that holds an object; undefined where there is none. @throws for a file that is no such JSON */
export async function readJson(path: string): Promise<Json | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Error(`${path} cannot be read (${code}); check the path and its permissions.`);
  }
  try {
    const json: unknown = JSON.parse(text);
    if (isJson(json)) return json;
  } catch {
    // said below
  }
  throw new Error(`${path} is not a JSON object; write or download it again.`);
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

export const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

export const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
