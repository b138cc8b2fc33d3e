import {
  basename,
  dirname,
  join,
  listFolder,
  makeFolder,
  removePath,
  renamePath,
  resolve,
  writeBytes,
} from '@blip2/tensor/files';

/** The files of a model folder, shards and the folder of its adapters included. */
const OURS =
  /^(config|generation_config|processor_config|preprocessor_config|tokenizer|tokenizer_config)\.json$|^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$|^adapter$|^qformer_tokenizer$/;

/**
 * Writes a model folder as a whole or not at all: `fill` writes into a temporary folder, which is then renamed and replaces
 * an older model. After an error the temporary folder is removed and the older model is unchanged. The whole of a mounted folder,
 * which has no folder above it, gets the files one after the other from a temporary folder in it, `config.json` last.
 * @throws for a folder that holds other files than those of a model, which would be lost
 */
export async function replaceFolder(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const target = resolve(folder);
  const older = await contents(target);
  const whole = dirname(target) === target;
  const suffix = Math.random().toString(36).slice(2, 10);
  const [temporary, old] = ['tmp', 'old'].map((kind) =>
    join(dirname(target), `.${basename(target) || 'model'}.${suffix}.${kind}`),
  ) as [string, string];
  try {
    await makeFolder(temporary);
    await fill(temporary);
    if (whole) await moveInto(target, temporary);
    else await exchange({ target, temporary, old, older });
  } catch (error) {
    await removePath(temporary);
    throw inWords(error, target);
  }
  if (older) await removePath(old);
}

interface Exchange {
  readonly target: string;
  readonly temporary: string;
  /** Where the older folder is kept meanwhile. */
  readonly old: string;
  readonly older: boolean;
}

async function exchange({ target, temporary, old, older }: Exchange): Promise<void> {
  if (older) await renamePath(target, old);
  try {
    await renamePath(temporary, target);
  } catch (error) {
    if (older) await renamePath(old, target);
    throw error;
  }
}

/** Replaces a model in the root of a mounted folder; while that goes on it has no `config.json`, without which it is none. */
async function moveInto(target: string, temporary: string): Promise<void> {
  const older = (await listFolder(target)).filter(({ name }) => OURS.test(name));
  const names = (await listFolder(temporary)).map(({ name }) => name).filter((name) => name !== CONFIG);
  await removePath(join(target, CONFIG));
  for (const { name } of older) await removePath(join(target, name));
  for (const name of [...names, CONFIG]) await renamePath(join(temporary, name), join(target, name));
  await removePath(temporary);
}

const CONFIG = 'config.json';

/** Writes an object as a JSON file that transformers can read. */
export const writeJson = (path: string, json: object): Promise<void> =>
  writeBytes(path, `${JSON.stringify(json, undefined, 2).replace(FLOATS, '$&.0')}\n`);

/** Integers in keys that are floats: transformers 5 refuses `0` where it expects `0.0`. */
const FLOATS = /^ *"\w*(?:dropout|dropout_prob|layerdrop|_range|_std|_eps|_epsilon|_factor)": -?\d+(?=,?$)/gm;

/** Whether there is an older folder. */
async function contents(folder: string): Promise<boolean> {
  const entries = await listFolder(folder).catch((error: SystemError) => {
    if (error.code === 'ENOENT') return undefined;
    throw inWords(error, folder);
  });
  const files = entries?.map(({ name }) => name);
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

interface SystemError {
  readonly code?: string;
  readonly syscall?: string;
}

/** Turns an error of the file system into a sentence; other errors are returned unchanged. */
function inWords(error: unknown, folder: string): unknown {
  const { code, syscall } = error as SystemError;
  if (code === undefined || syscall === undefined) return error;
  const why = reasons[code] ?? code;
  return new Error(`The model could not be written to '${folder}': ${why}; nothing was changed.`, { cause: error });
}
