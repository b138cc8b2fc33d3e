import { changes, mutateBytes } from './bytes.js';
import type { Random } from './random.js';

type Container = { [key: string]: unknown } | unknown[];

/** What JSON.stringify cannot write is put into its text afterwards. */
const HUGE = '@huge';
const DEEP = '@deep';
const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;

const extremes: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1, 0.5, 7, 1e9, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, -1e308, 1e-320, HUGE, DEEP],
  ...['', ' ', 'x', 'constructor', '__proto__', 'toString', 'é\u0000\ud800', '[UNK]', 'x'.repeat(100_000)],
  ...[
    [],
    {},
    [null],
    [[]],
    [1, 2, 3],
    { length: 1e9 },
    { toString: 1, valueOf: 1 },
    { toJSON: 1 },
    { type: 'Sequence' },
  ],
];
const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'length', 'then', '0', '', 'type', 'x'];

const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;
const keysOf = (value: Container): string[] => Object.keys(value);

/** One to four changes to the values of a JSON text; sometimes to its letters. What is no JSON changes by its letters. */
export function mutateJson(
  input: Uint8Array,
  random: Random,
  { words = [], other = input }: { words?: readonly string[]; other?: Uint8Array } = {},
): Uint8Array {
  const [root, donor] = [parse(input), parse(other)];
  if (!isContainer(root) || random.chance(0.1)) {
    return mutateBytes(input, random, { other, words: [...words, ...keys].map((word) => Buffer.from(`"${word}"`)) });
  }
  for (let n = changes(random); n > 0; n--) change(root, random, { words, donor });
  return new TextEncoder().encode(written(root));
}

export function written(value: unknown): string {
  return JSON.stringify(value).replaceAll(`"${HUGE}"`, '1e999').replaceAll(`"${DEEP}"`, deep);
}

/** Undefined for what is no JSON, and for what is too deep to be written again. */
export function parse(input: Uint8Array): unknown {
  if (depthOf(input) > DEEPEST) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(input));
  } catch {
    return undefined;
  }
}

const DEEPEST = 500;

function depthOf(input: Uint8Array): number {
  let [depth, most] = [0, 0];
  for (const byte of input) {
    if (byte === 0x5b || byte === 0x7b) most = Math.max(most, ++depth);
    else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return most;
}

/** A value somewhere below: each level is as likely as its members are few. */
function place(root: Container, random: Random): [holder: Container, key: string] {
  let holder = root;
  for (;;) {
    const all = keysOf(holder);
    const key = all.length > 0 ? random.pick(all) : random.pick(keys);
    const inner = get(holder, key);
    if (!isContainer(inner) || keysOf(inner).length === 0 || random.chance(0.2)) return [holder, key];
    holder = inner;
  }
}

const get = (holder: Container, key: string): unknown =>
  Object.hasOwn(holder, key) ? (holder as { [key: string]: unknown })[key] : undefined;

/** Sets an own property whatever it is called. */
function set(holder: Container, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true });
}

function change(root: Container, random: Random, { words, donor }: { words: readonly string[]; donor: unknown }): void {
  const [holder, key] = place(root, random);
  const value = get(holder, key);
  const found = isContainer(donor) ? place(donor, random) : undefined;
  const copy = found ? structuredClone(get(...found) ?? null) : null;
  const put = (other: unknown): void => set(holder, safe(holder, key), other);
  const ways: readonly (() => void)[] = [
    () => put(structuredClone(random.pick(extremes))),
    () => put(structuredClone(random.pick(extremes))),
    () => remove(holder, key),
    () => add(holder, random.pick([...keys, ...words]), structuredClone(value ?? null)),
    () => put(copy),
    () => put(words.length > 0 ? random.pick(words) : ''),
    () => put(random.chance(0.5) ? [value ?? null] : { [random.pick(keys.slice(1))]: value }),
    () => put(tweaked(value, random)),
  ];
  random.pick(ways)();
}

function remove(holder: Container, key: string): void {
  if (Array.isArray(holder)) holder.splice(Number(key) || 0, 1);
  else delete holder[key];
}

function add(holder: Container, key: string, value: unknown): void {
  if (Array.isArray(holder)) holder.push(value);
  else set(holder, key, value);
}

/** Other keys than places would not be written of a list. */
const safe = (holder: Container, key: string): string => (Array.isArray(holder) && !/^\d+$/.test(key) ? '0' : key);

function tweaked(value: unknown, random: Random): unknown {
  if (typeof value === 'number') {
    return random.pick([value + 1, value - 1, -value, value * 2, value / 2, value * 1e6, Math.floor(value / 3)]);
  }
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') {
    const at = random.int(value.length + 1);
    return random.pick([
      value.slice(0, at),
      value.slice(0, at) + String.fromCharCode(random.int(0x3000)) + value.slice(at),
      value.repeat(1 + random.int(40)).slice(0, 100_000),
      value.toUpperCase(),
    ]);
  }
  if (Array.isArray(value)) return random.pick([[...value].reverse(), [...value, ...value], value.slice(1)]);
  return structuredClone(random.pick(extremes));
}
