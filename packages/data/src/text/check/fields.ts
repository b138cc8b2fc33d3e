import { isJson, type Json, show } from '@blip2/tensor';

/** Throws where a value is invalid. `at` is its position in the file, for the message. */
export type Check = (value: unknown, at: string) => void;
export type Checks = Readonly<Record<string, Check>>;

export const wrong = (at: string, wanted: string, value: unknown): Error =>
  new Error(`The tokenizer's ${at} must be ${wanted}, not ${show(value)}.`);

const is =
  (wanted: string, fits: (value: unknown) => boolean): Check =>
  (value, at) => {
    if (!fits(value)) throw wrong(at, wanted, value);
  };

const LONGEST_TEXT = 256;

/** Accepts an absent value and null besides what `check` accepts. */
export const optional =
  (check: Check): Check =>
  (value, at) => {
    if (value !== undefined && value !== null) check(value, at);
  };

export const isText = (value: unknown): value is string => typeof value === 'string';
export const text = is(`a text of at most ${LONGEST_TEXT} characters`, (x) => isText(x) && x.length <= LONGEST_TEXT);
export const someText = is(
  `a text of 1 to ${LONGEST_TEXT} characters`,
  (x) => isText(x) && x.length > 0 && x.length <= LONGEST_TEXT,
);
export const flag = optional(is('true or false', (x) => typeof x === 'boolean'));
export const count = (least: number, most: number): Check =>
  is(
    `a whole number from ${least} to ${most}`,
    (x) => Number.isInteger(x) && (x as number) >= least && (x as number) <= most,
  );
export const word = (known: RegExp, wanted: string): Check => is(wanted, (x) => isText(x) && known.test(x));

export function record(value: unknown, at: string): Json {
  if (isJson(value)) return value;
  throw wrong(at, 'an object', value);
}

export function list(value: unknown, at: string, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw wrong(at, `a list of at most ${most}`, Array.isArray(value) ? `${value.length} of them` : value);
}

/** Checks the known fields of an object; unknown fields are ignored. */
export function checkFields(json: Json, at: string, checks: Checks): void {
  for (const [field, check] of Object.entries(checks)) check(json[field], at === '' ? field : `${at}.${field}`);
}
