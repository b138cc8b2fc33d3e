import { hash } from '@blip2/tensor';
import type { Split } from './options.js';

const words: Readonly<Record<string, Split>> = {
  train: 'train',
  training: 'train',
  restval: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  minival: 'validation',
  test: 'test',
  testing: 'test',
  eval: 'test',
  evaluation: 'test',
};

/** Returns the split that a word names, such as `val` or `restval`; undefined for any other. */
export function splitOf(word: unknown): Split | undefined {
  const key = typeof word === 'string' ? word.trim().toLowerCase() : '';
  return Object.hasOwn(words, key) ? words[key] : undefined;
}

/** Returns the first split that a word of a name says, as in `captions_val2017.json` or `train-000.tar`. */
export function splitOfName(name: string): Split | undefined {
  for (const word of name.toLowerCase().split(/[^a-z]+/)) {
    const split = splitOf(word);
    if (split) return split;
  }
  return undefined;
}

/** Returns the split that a folder of a path is named after, as in `images/val/cat.jpg`. */
export function splitOfFolder(path: unknown): Split | undefined {
  const folders = typeof path === 'string' ? path.split(/[\\/]/).slice(0, -1) : [];
  return folders.map(splitOf).find((split) => split !== undefined);
}

/** Whether an item is in the validation share: by its id alone, so that a data set that grows keeps its split. */
export const inValidation = (id: string, share: number): boolean => hash(0, `validation ${id}`) / 2 ** 32 < share;

/** What of a data set is chosen. */
export interface Choice {
  readonly split?: Split | undefined;
  readonly validation?: number | undefined;
}

/**
 * Returns which items belong to a choice, given the splits that the data set has of its own.
 * @throws where there is no such split, and for a share that is none
 */
export function chooser(
  name: string,
  { split, validation }: Choice,
  own: ReadonlySet<Split | undefined>,
): (id: string, split: Split | undefined) => boolean {
  if (validation !== undefined && !(validation > 0 && validation < 1)) {
    throw new Error(`validation is ${validation}; give a share between 0 and 1, such as 0.05.`);
  }
  if (!split) return () => true;
  const drawn = own.has('validation') ? undefined : validation;
  const has = own.has(split) || (split === 'train' && own.has(undefined)) || (split === 'validation' && drawn);
  if (!has) throw new Error(`The data set '${name}' has no split '${split}'; ${remedy(split, own)}.`);
  return (id, mine = 'train') => {
    if (drawn !== undefined && mine === 'train' && inValidation(id, drawn)) return split === 'validation';
    return mine === split;
  };
}

function remedy(split: Split, own: ReadonlySet<Split | undefined>): string {
  const named = [...own].filter((one) => one !== undefined).sort();
  const has = named.length > 0 ? `it has ${named.join(' and ')}` : 'it has none';
  return split === 'validation' ? `${has}: give a share for 'validation', or choose another split` : has;
}
