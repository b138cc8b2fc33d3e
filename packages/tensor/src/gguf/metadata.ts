import type { Cursor } from './cursor.js';

/** A value of the metadata: whole numbers beyond 2^53 are bigints, and lists are of one type. */
export type GgufValue = number | bigint | boolean | string | readonly (number | bigint | boolean | string)[];

const TEXT = new TextDecoder('utf-8', { ignoreBOM: true });

type Scalar = Exclude<GgufValue, readonly unknown[]>;
type Reader = (cursor: Cursor, fail: (problem: string) => Error) => Scalar;

/** By the type's number: how a value is read, and the bytes that it takes at least. */
const SCALARS: ReadonlyMap<number, { readonly read: Reader; readonly least: number }> = new Map([
  [0, { least: 1, read: (cursor: Cursor) => cursor.u8() }],
  [1, { least: 1, read: (cursor: Cursor) => cursor.number('i8') }],
  [2, { least: 2, read: (cursor: Cursor) => cursor.u16() }],
  [3, { least: 2, read: (cursor: Cursor) => cursor.number('i16') }],
  [4, { least: 4, read: (cursor: Cursor) => cursor.u32() }],
  [5, { least: 4, read: (cursor: Cursor) => cursor.number('i32') }],
  [6, { least: 4, read: (cursor: Cursor) => cursor.number('f32') }],
  [7, { least: 1, read: flag }],
  [8, { least: 8, read: text }],
  [10, { least: 8, read: (cursor: Cursor) => cursor.whole(false) }],
  [11, { least: 8, read: (cursor: Cursor) => cursor.whole(true) }],
  [12, { least: 8, read: (cursor: Cursor) => cursor.number('f64') }],
]);
const LIST = 9;

/**
 * Reads a value of the metadata, its type first.
 * @throws what `fail` makes, for an unknown type and a list that the file has no room for
 */
export function readValue(cursor: Cursor, fail: (problem: string) => Error): GgufValue {
  const type = cursor.u32();
  if (type !== LIST) return scalarOf(type, fail).read(cursor, fail);
  const { read, least } = scalarOf(cursor.u32(), fail);
  const length = cursor.count('values in a list', least);
  const list: Scalar[] = [];
  for (let i = 0; i < length; i++) list.push(read(cursor, fail));
  return list as GgufValue;
}

function scalarOf(type: number, fail: (problem: string) => Error) {
  const found = SCALARS.get(type);
  if (found) return found;
  throw fail(type === LIST ? 'is a list of lists' : `has a value of the unknown type ${type}`);
}

function flag(cursor: Cursor, fail: (problem: string) => Error): boolean {
  const byte = cursor.u8();
  if (byte > 1) throw fail(`is ${byte} instead of true or false`);
  return byte === 1;
}

function text(cursor: Cursor): string {
  return TEXT.decode(cursor.bytes(cursor.count('letters in a text', 1)));
}
