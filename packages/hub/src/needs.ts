import type { Json } from '@blip2/tensor';
import { HubError } from './errors.js';

export const SINGLE = 'model.safetensors';
export const INDEX = 'model.safetensors.index.json';

const MB = 1_000_000;
/** Weights may have any size, but it must be announced. */
export const ANY = Number.MAX_SAFE_INTEGER;

const tokenizer: Readonly<Record<string, number>> = {
  'tokenizer.json': 100 * MB,
  'tokenizer_config.json': 10 * MB,
  'special_tokens_map.json': MB,
  'added_tokens.json': 10 * MB,
};

/** The files besides weights that loading reads, and how many bytes each may have. */
const small: Readonly<Record<string, number>> = {
  'config.json': MB,
  'generation_config.json': MB,
  'preprocessor_config.json': MB,
  'processor_config.json': MB,
  ...tokenizer,
  ...Object.fromEntries(Object.entries(tokenizer).map(([name, most]) => [`qformer_tokenizer/${name}`, most])),
};

/** A file to have, and its most bytes. */
export interface Need {
  readonly path: string;
  readonly most: number;
}

/**
 * The small files of a model, and the index of its weights where they are in shards. Names that nobody asked for are
 * never touched, wherever they would lead.
 * @throws for a model without a configuration or without safetensors
 */
export function firstNeeds(repo: string, files: ReadonlySet<string>): { small: Need[]; index?: Need } {
  if (!files.has('config.json')) {
    throw new HubError(`'${repo}' has no config.json, so it cannot be loaded; take a model saved by transformers.`);
  }
  if (!files.has(SINGLE) && !files.has(INDEX)) throw noWeights(repo, files);
  const needs = Object.entries(small).map(([path, most]) => ({ path, most }));
  return {
    small: needs.filter(({ path }) => files.has(path)),
    ...(!files.has(SINGLE) && { index: { path: INDEX, most: 20 * MB } }),
  };
}

/** The weights' files. @throws for an index that names what is not there */
export function weightNeeds(repo: string, files: ReadonlySet<string>, index: Json | undefined): Need[] {
  const paths = index ? shardsOf(index) : [SINGLE];
  const strange = paths.find((path) => !/^\w[\w.-]*\.safetensors$/.test(path) || !files.has(path));
  if (strange !== undefined || paths.length === 0) {
    const what = strange === undefined ? 'no file at all' : `${JSON.stringify(strange.slice(0, 80))}`;
    throw new HubError(`${INDEX} of '${repo}' names ${what}, which is not among its files; tell its owner.`);
  }
  return paths.map((path) => ({ path, most: ANY }));
}

/** The files that an index of shards names, each once. */
export function shardsOf({ weight_map: map }: Json): string[] {
  if (typeof map !== 'object' || map === null) return [];
  return [...new Set(Object.values(map).filter((name): name is string => typeof name === 'string'))].sort();
}

function noWeights(repo: string, files: ReadonlySet<string>): HubError {
  const pickled = [...files].find((file) => /\.(bin|pth|pt)$/.test(file));
  if (pickled === undefined) {
    return new HubError(`'${repo}' has no ${SINGLE} or ${INDEX}; take a model whose weights are safetensors.`);
  }
  const how = `download its files to a folder and run 'blip2 convert FOLDER OUT'`;
  return new HubError(`'${repo}' has its weights only pickled (${pickled.slice(0, 80)}); ${how}, then give OUT.`);
}
