import { show, showWord } from './show.js';

/** A parsed JSON object. */
export type Json = Readonly<Record<string, unknown>>;

export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

/** The fields of one config; what is absent or null has the fallback, and what is malformed is an error that names it. */
export interface Fields {
  /** A whole number. */
  count(field: string, fallback: number, bounds?: Bounds): number;
  /** A number from 0 to below 1. */
  share(field: string, fallback: number): number;
  /** A number above 0. */
  positive(field: string, fallback: number): number;
  flag(field: string, fallback: boolean): boolean;
  /** One of a few words. */
  word<T extends string>(field: string, fallback: T, known: readonly T[]): T;
  /** One id or a list of ids. */
  ids(field: string, fallback: number): readonly number[];
  /** Another object. */
  part(field: string): Json;
}

/** More layers than any model has: a config must not ask for memory before a file is there to be held against it. */
export const MOST_LAYERS = 1000;

/** Widths, rows and ids end here. The product of a few of them is a finite number. */
export const LARGEST_COUNT = 2 ** 24;
const MOST_IDS = 1000;

/** @param model the name of the family, for errors */
export function fieldsOf(json: Json, model: string): Fields {
  const wrong = (field: string, wanted: string): Error =>
    new Error(`The ${model} config's ${field} must be ${wanted}, not ${show(json[field])}.`);
  const number = (field: string, fallback: number, wanted: string, fits: (value: number) => boolean): number => {
    const value = json[field] ?? fallback;
    if (typeof value === 'number' && fits(value)) return value;
    throw wrong(field, wanted);
  };
  return {
    count(field, fallback, { least = 0, most = LARGEST_COUNT } = {}) {
      const tooLarge = typeof json[field] === 'number' && json[field] > most;
      const upper = most < LARGEST_COUNT || tooLarge;
      const bounds = [...(least > 0 ? [`at least ${least}`] : []), ...(upper ? [`at most ${most}`] : [])];
      const wanted = ['a whole number', bounds.join(' and ')].filter(Boolean).join(' of ');
      return number(field, fallback, wanted, (n) => Number.isInteger(n) && n >= least && n <= most);
    },
    share: (field, fallback) =>
      number(field, fallback, 'a number from 0 to below 1', (value) => value >= 0 && value < 1),
    positive: (field, fallback) =>
      number(field, fallback, 'a number above 0', (value) => value > 0 && Number.isFinite(value)),
    flag(field, fallback) {
      const value = json[field] ?? fallback;
      if (typeof value === 'boolean') return value;
      throw wrong(field, 'true or false');
    },
    word(field, fallback, known) {
      const value = json[field] ?? fallback;
      const found = known.find((word) => word === value);
      if (found !== undefined) return found;
      throw new Error(`The ${model} config's ${field} ${showWord(value)} is not one of ${known.join(', ')}.`);
    },
    ids(field, fallback) {
      const value = json[field] ?? fallback;
      const list: unknown[] = Array.isArray(value) ? value : [value];
      const fits = (id: unknown): boolean =>
        Number.isInteger(id) && (id as number) >= 0 && (id as number) <= LARGEST_COUNT;
      if (list.length > 0 && list.length <= MOST_IDS && list.every(fits)) return list as number[];
      throw wrong(field, 'a whole number or a list of them');
    },
    part(field) {
      const value = json[field] ?? {};
      if (isJson(value)) return value;
      throw wrong(field, 'an object');
    },
  };
}
