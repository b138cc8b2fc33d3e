import { show, showWord } from './show.js';

/** A parsed JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** Reports whether a parsed JSON value is an object. */
export const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Inclusive bounds of a whole number. */
export interface Bounds {
  readonly least?: number;
  readonly most?: number;
}

/** Typed access to the fields of a config: an absent or null field has the default, and a malformed one is an error. */
export interface Fields {
  /** Reads a whole number. */
  count(field: string, defaultValue: number, bounds?: Bounds): number;
  /** Reads a number of at least 0 and below 1, such as a dropout rate. */
  fraction(field: string, defaultValue: number): number;
  /** Reads a number above 0. */
  positive(field: string, defaultValue: number): number;
  /** Reads a boolean. */
  flag(field: string, defaultValue: boolean): boolean;
  /** Reads one of several strings. */
  oneOf<T extends string>(field: string, defaultValue: T, known: readonly T[]): T;
  /** Reads a token id or a list of them. */
  ids(field: string, defaultValue: number): readonly number[];
  /** Reads a nested object; empty where it is absent. */
  object(field: string): Json;
}

/** Upper bound of the number of layers of a config, so that an untrusted one cannot exhaust memory before it is checked. */
export const MOST_LAYERS = 1000;

/** Upper bound of widths, row counts and ids of a config. */
export const LARGEST_COUNT = 2 ** 24;
const MOST_IDS = 1000;

/**
 * Gives typed access to the fields of a config.
 * @param model name of the model family, for errors
 */
export function fieldsOf(json: Json, model: string): Fields {
  const wrong = (field: string, wanted: string): Error =>
    new Error(`The ${model} config's ${field} must be ${wanted}, not ${show(json[field])}.`);
  const number = (field: string, defaultValue: number, wanted: string, fits: (value: number) => boolean): number => {
    const value = json[field] ?? defaultValue;
    if (typeof value === 'number' && fits(value)) return value;
    throw wrong(field, wanted);
  };
  return {
    count(field, defaultValue, { least = 0, most = LARGEST_COUNT } = {}) {
      const tooLarge = typeof json[field] === 'number' && json[field] > most;
      const upper = most < LARGEST_COUNT || tooLarge;
      const bounds = [...(least > 0 ? [`at least ${least}`] : []), ...(upper ? [`at most ${most}`] : [])];
      const wanted = ['a whole number', bounds.join(' and ')].filter(Boolean).join(' of ');
      return number(field, defaultValue, wanted, (n) => Number.isInteger(n) && n >= least && n <= most);
    },
    fraction: (field, defaultValue) =>
      number(field, defaultValue, 'a number of at least 0 and below 1', (value) => value >= 0 && value < 1),
    positive: (field, defaultValue) =>
      number(field, defaultValue, 'a number above 0', (value) => value > 0 && Number.isFinite(value)),
    flag(field, defaultValue) {
      const value = json[field] ?? defaultValue;
      if (typeof value === 'boolean') return value;
      throw wrong(field, 'true or false');
    },
    oneOf(field, defaultValue, known) {
      const value = json[field] ?? defaultValue;
      const found = known.find((word) => word === value);
      if (found !== undefined) return found;
      throw new Error(`The ${model} config's ${field} ${showWord(value)} is not one of ${known.join(', ')}.`);
    },
    ids(field, defaultValue) {
      const value = json[field] ?? defaultValue;
      const list: unknown[] = Array.isArray(value) ? value : [value];
      const fits = (id: unknown): boolean =>
        Number.isInteger(id) && (id as number) >= 0 && (id as number) <= LARGEST_COUNT;
      if (list.length > 0 && list.length <= MOST_IDS && list.every(fits)) return list as number[];
      throw wrong(field, 'a whole number or a list of them');
    },
    object(field) {
      const value = json[field] ?? {};
      if (isJson(value)) return value;
      throw wrong(field, 'an object');
    },
  };
}
