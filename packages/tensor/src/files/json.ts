import { type Json, parseJson } from '@blip2/tensor';
import { fileStatus, join, readBytes } from '../file-system/index.js';
import { huggingFaceConfig, huggingFaceGeneration } from '../gguf/index.js';
import { isGguf, withGguf } from './gguf.js';
import { isFolder, toPath } from './paths.js';
import { expectNotQuantizedByOthers } from './quantized-by-others.js';

/** Bytes that a configuration file may have at most; no model's has as many. */
const LARGEST = 10_000_000;

/**
 * Reads a JSON file whose value is an object.
 * @param file path or `file:` URL
 * @returns undefined where there is no such file
 * @throws for a file that cannot be read, is larger than 10 MB, or is not a JSON object
 */
export async function readJson(file: string | URL): Promise<Json | undefined> {
  const path = toPath(file);
  let bytes: Uint8Array;
  try {
    const found = await fileStatus(path);
    if (found.kind !== 'file' || found.size > LARGEST) {
      const problem = found.kind === 'file' ? `has ${found.size} bytes, more than ${LARGEST}` : 'is not a regular file';
      throw new Error(`${path} ${problem}; put the model's own JSON file there.`);
    }
    bytes = await readBytes(path);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw code ? new Error(`${path} cannot be read (${code}); check the path and its permissions.`) : error;
  }
  return parseJson(bytes, path);
}

/**
 * Reads the `config.json` of a model folder, or derives it from the metadata of a GGUF file.
 * @param folder path or `file:` URL of the folder or of the GGUF file
 * @throws GgufError for a GGUF file that is malformed or holds another kind of model; when there is no such folder or file, for a file that is not a JSON object, and for weights that another program has
 * quantized
 */
export async function readConfigJson(folder: string | URL): Promise<Json> {
  const path = toPath(folder);
  if (isGguf(path)) return withGguf(path, huggingFaceConfig);
  const file = join(path, 'config.json');
  const json = await readJson(file);
  if (json) {
    expectNotQuantizedByOthers(json, file);
    return json;
  }
  const missing = (await isFolder(path)) ? `config.json in the folder '${path}'` : `folder '${path}'`;
  throw new Error(`There is no ${missing}; give a folder that contains config.json.`);
}

/**
 * Reads the `generation_config.json` of a model folder, or the metadata of a GGUF file, with the token ids that start and end
 * generated text.
 * @param folder path or `file:` URL of the folder or of the GGUF file
 * @returns undefined where the folder has no such file
 * @throws for a file that is not a JSON object
 */
export async function readGenerationJson(folder: string | URL): Promise<Json | undefined> {
  const path = toPath(folder);
  if (isGguf(path)) return withGguf(path, huggingFaceGeneration);
  return readJson(join(path, 'generation_config.json'));
}
