import { readFileSync } from 'node:fs';

export type Json = { readonly [key: string]: unknown };

/** @throws when there is no such file, or it holds no JSON object. */
export function readJson(path: string): Json {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new Error(`There is no ${path}.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${path} is not JSON; make it again.`);
  }
  return object(value, path);
}

export function object(value: unknown, what: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new Error(`${what} must hold an object.`);
}

export function numberOf(json: Json, key: string, fallback?: number): number {
  const value = json[key] ?? fallback;
  if (typeof value === 'number') return value;
  throw new Error(`'${key}' must be a number, not ${JSON.stringify(value)}.`);
}

export function textsOf(json: Json, key: string): readonly string[] {
  const value = json[key] ?? [];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw new Error(`'${key}' must be a list of texts, not ${JSON.stringify(value)}.`);
}

export function objectsOf(json: Json, key: string): readonly Json[] {
  const value = json[key] ?? [];
  if (Array.isArray(value)) return value.map((item) => object(item, `Each of '${key}'`));
  throw new Error(`'${key}' must be a list.`);
}

/** A list of numbers, or a list of such lists laid flat; undefined where there is none. */
export function numbersOf(json: Json, key: string): number[] | undefined {
  const value = json[key];
  if (value === undefined || value === null) return undefined;
  const flat = (Array.isArray(value) ? value : [value]).flat();
  if (flat.every((item) => typeof item === 'number')) return flat;
  throw new Error(`'${key}' must hold numbers.`);
}

export function rowsOf(json: Json, key: string): number[][] {
  const value = json[key];
  if (Array.isArray(value) && value.every((row) => Array.isArray(row))) return value as number[][];
  throw new Error(`'${key}' must be a list of lists of numbers.`);
}
