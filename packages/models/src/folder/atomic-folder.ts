import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/** The files of a model folder, shards and the folder of its adapters included. */
const OURS =
  /^(config|generation_config|processor_config|preprocessor_config|tokenizer|tokenizer_config)\.json$|^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$|^adapter$|^qformer_tokenizer$/;

/**
 * Writes a model folder as a whole or not at all: `fill` writes into a temporary folder, which is then renamed and replaces
 * an older model. After an error the temporary folder is removed and the older model is unchanged.
 * @throws for a folder that holds other files than those of a model, which would be lost
 */
export async function replaceFolder(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const target = resolve(folder);
  const suffix = Math.random().toString(36).slice(2, 10);
  const [temporary, old] = ['tmp', 'old'].map((kind) =>
    join(dirname(target), `.${basename(target)}.${suffix}.${kind}`),
  );
  const older = await contents(target);
  try {
    await mkdir(temporary!, { recursive: true });
    await fill(temporary!);
    if (older) await rename(target, old!);
    try {
      await rename(temporary!, target);
    } catch (error) {
      if (older) await rename(old!, target);
      throw error;
    }
  } catch (error) {
    await rm(temporary!, { recursive: true, force: true });
    throw inWords(error, target);
  }
  if (older) await rm(old!, { recursive: true, force: true });
}

/** Writes an object as a JSON file that transformers can read. */
export const writeJson = (path: string, json: object): Promise<void> =>
  writeFile(path, `${JSON.stringify(json, undefined, 2).replace(FLOATS, '$&.0')}\n`);

/** Integers in keys that are floats: transformers 5 refuses `0` where it expects `0.0`. */
const FLOATS = /^ *"\w*(?:dropout|dropout_prob|layerdrop|_range|_std|_eps|_epsilon|_factor)": -?\d+(?=,?$)/gm;

/** Whether there is an older folder. */
async function contents(folder: string): Promise<boolean> {
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw inWords(error, folder);
  });
  const foreign = files?.find((file) => !OURS.test(file));
  if (foreign === undefined) return files !== undefined;
  throw new Error(`'${folder}' holds '${foreign}', which is not part of a model; save the model to another folder.`);
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'it is not a folder',
};

/** Turns an error of the file system into a sentence; other errors are returned unchanged. */
function inWords(error: unknown, folder: string): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const why = reasons[code] ?? code;
  return new Error(`The model could not be written to '${folder}': ${why}; nothing was changed.`, { cause: error });
}
