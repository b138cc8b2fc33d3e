/** A model's `config.json`, or the `text_config` in that of BLIP-2, as parsed. */
export type Json = Readonly<Record<string, unknown>>;

/** The fields of one config; what is absent or null has the fallback, and what is malformed is an error that names it. */
export interface Fields {
  /** A whole number. */
  count(field: string, fallback: number, bounds?: { readonly least?: number; readonly most?: number }): number;
  /** A number from 0 to below 1. */
  share(field: string, fallback: number): number;
  /** A number above 0. */
  positive(field: string, fallback: number): number;
  flag(field: string, fallback: boolean): boolean;
  /** One id or a list of ids. */
  ids(field: string, fallback: number): readonly number[];
}

/** More layers than any model has: a config must not ask for memory before a file is there to be held against it. */
export const MOST_LAYERS = 1000;

const LARGEST = Number.MAX_SAFE_INTEGER;

/** @param model the name of the family, for errors */
export function fieldsOf(json: Json, model: string): Fields {
  const wrong = (field: string, wanted: string): Error =>
    new Error(`The ${model} config's ${field} must be ${wanted}, not ${JSON.stringify(json[field])}.`);
  const number = (field: string, fallback: number, wanted: string, fits: (value: number) => boolean): number => {
    const value = json[field] ?? fallback;
    if (typeof value === 'number' && fits(value)) return value;
    throw wrong(field, wanted);
  };
  return {
    count(field, fallback, { least = 0, most = LARGEST } = {}) {
      const bounds = [...(least > 0 ? [`at least ${least}`] : []), ...(most < LARGEST ? [`at most ${most}`] : [])];
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
    ids(field, fallback) {
      const value = json[field] ?? fallback;
      const list: unknown[] = Array.isArray(value) ? value : [value];
      if (list.length > 0 && list.every((id) => Number.isInteger(id) && (id as number) >= 0)) return list as number[];
      throw wrong(field, 'a whole number or a list of them');
    },
  };
}
