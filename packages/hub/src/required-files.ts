import type { Json } from '@blip2/tensor';
import { HubError } from './errors.js';

/** The file of weights that are not sharded. */
export const SINGLE = 'model.safetensors';
/** The index of sharded weights. */
export const INDEX = 'model.safetensors.index.json';

const MB = 1_000_000;
/** Weights may have any size, but the hub must state it. */
export const ANY = Number.MAX_SAFE_INTEGER;

const tokenizer: Readonly<Record<string, number>> = {
  'tokenizer.json': 100 * MB,
  'tokenizer_config.json': 10 * MB,
  'special_tokens_map.json': MB,
  'added_tokens.json': 10 * MB,
};

/** LoRA adapters, beside a model's weights or in its subfolder `adapter`. */
const adapters: Readonly<Record<string, number>> = Object.fromEntries(
  ['', 'adapter/'].flatMap((folder) => [
    [`${folder}adapter_config.json`, MB],
    [`${folder}adapter_model.safetensors`, ANY],
  ]),
);

/** The files besides the model's weights that loading reads, with their maximum sizes in bytes. */
const smallFiles: Readonly<Record<string, number>> = {
  'config.json': MB,
  'generation_config.json': MB,
  'preprocessor_config.json': MB,
  'processor_config.json': MB,
  ...adapters,
  ...tokenizer,
  ...Object.fromEntries(Object.entries(tokenizer).map(([name, bytes]) => [`qformer_tokenizer/${name}`, bytes])),
};

/** A file that loading needs, with its maximum size in bytes. */
export interface RequiredFile {
  readonly path: string;
  readonly maxBytes: number;
}

/**
 * Lists the files of a model besides its weights, adapters included, and the index of its weights where they are sharded. Only these
 * names are ever requested.
 * @throws for a model without a configuration or without safetensors
 */
export function requiredFiles(
  repo: string,
  files: ReadonlySet<string>,
): { small: RequiredFile[]; index?: RequiredFile } {
  if (!files.has('config.json')) {
    throw new HubError(`'${repo}' has no config.json, so it cannot be loaded; choose a model that transformers saved.`);
  }
  if (!files.has(SINGLE) && !files.has(INDEX)) throw noWeights(repo, files);
  const known = Object.entries(smallFiles).map(([path, maxBytes]) => ({ path, maxBytes }));
  return {
    small: known.filter(({ path }) => files.has(path)),
    ...(!files.has(SINGLE) && { index: { path: INDEX, maxBytes: 20 * MB } }),
  };
}

/** Lists the files of the weights. @throws for an index that names files that do not exist */
export function weightFiles(repo: string, files: ReadonlySet<string>, index: Json | undefined): RequiredFile[] {
  const paths = index ? shardsOf(index) : [SINGLE];
  const invalid = paths.find((path) => !/^\w[\w.-]*\.safetensors$/.test(path) || !files.has(path));
  if (invalid !== undefined || paths.length === 0) {
    const what = invalid === undefined ? 'no files' : `${JSON.stringify(invalid.slice(0, 80))}`;
    throw new HubError(
      `${INDEX} of '${repo}' names ${what}, which is not among its files; report it to the model's owner.`,
    );
  }
  return paths.map((path) => ({ path, maxBytes: ANY }));
}

/** Lists the files that an index of shards names, each once. */
export function shardsOf({ weight_map: map }: Json): string[] {
  if (typeof map !== 'object' || map === null) return [];
  return [...new Set(Object.values(map).filter((name): name is string => typeof name === 'string'))].sort();
}

function noWeights(repo: string, files: ReadonlySet<string>): HubError {
  const pickled = [...files].find((file) => /\.(bin|pth|pt)$/.test(file));
  if (pickled === undefined) {
    return new HubError(`'${repo}' has no ${SINGLE} or ${INDEX}; choose a model with safetensors weights.`);
  }
  const how = `download its files to a folder and run 'blip2 convert FOLDER OUT'`;
  return new HubError(`'${repo}' has only pickled weights (${pickled.slice(0, 80)}); ${how}, then load OUT.`);
}
