import { join } from './bytes.js';

/** A file in an archive, stored as it is. */
export interface Entry {
  readonly name: string;
  readonly data: Uint8Array;
}

const LOCAL = 0x04034b50;
const DIRECTORY = 0x02014b50;
const END = 0x06054b50;

/** The files of an archive whose directory is whole; undefined for what is none. */
export function unpackZip(bytes: Uint8Array): Entry[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).lastIndexOf(
    'PK\x05\x06',
    undefined,
    'latin1',
  );
  if (end < 0 || end + 22 > bytes.length) return undefined;
  const entries: Entry[] = [];
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== DIRECTORY) return undefined;
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const [size, local] = [view.getUint32(at + 24, true), view.getUint32(at + 42, true)];
    if (local + 30 > bytes.length) return undefined;
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (start + size > bytes.length) return undefined;
    entries.push({
      name: Buffer.from(bytes.subarray(at + 46, at + 46 + name)).toString('latin1'),
      data: bytes.subarray(start, start + size),
    });
    at += 46 + name + extra + comment;
  }
  return entries.length > 0 ? entries : undefined;
}

/** An archive of files as they are, with nothing between them. */
export function packZip(entries: readonly Entry[]): Uint8Array {
  const [locals, directory]: [Uint8Array[], Uint8Array[]] = [[], []];
  let at = 0;
  for (const { name, data } of entries) {
    const letters = new Uint8Array(Buffer.from(name, 'latin1'));
    const sizes = [0, data.length, data.length]; // no checksum: nobody reads it
    const local = join([header(LOCAL, 30, { 14: sizes, 26: [letters.length] }), letters, data]);
    directory.push(join([header(DIRECTORY, 46, { 16: sizes, 28: [letters.length], 42: [at] }), letters]));
    locals.push(local);
    at += local.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const counts = entries.length | (entries.length << 16);
  return join([...locals, ...directory, header(END, 22, { 8: [counts], 12: [size, at] })]);
}

/** A record of little-endian numbers of four bytes at their places; a name's length is followed by a zero that fits. */
function header(signature: number, length: number, fields: Readonly<Record<number, readonly number[]>>): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  view.setUint32(0, signature, true);
  for (const [at, values] of Object.entries(fields)) {
    for (const [i, value] of values.entries()) view.setUint32(Number(at) + 4 * i, value, true);
  }
  return new Uint8Array(view.buffer);
}
