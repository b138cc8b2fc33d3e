import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixture } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import { openTorch, TorchError } from './index.js';

let bytes: Uint8Array;
beforeAll(async () => {
  bytes = Uint8Array.from(await readFile(join(fixture('torch'), 'zip.pth')));
});

const find = (text: string, from = 0): number => Buffer.from(bytes.buffer).indexOf(text, from, 'latin1');
const findLast = (text: string): number => Buffer.from(bytes.buffer).lastIndexOf(text, undefined, 'latin1');

/** The archive with some bytes of it changed. */
function changed(change: (copy: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(bytes);
  change(new DataView(copy.buffer));
  return copy;
}

const END = 'PK\x05\x06';
const ENTRY = 'PK\x01\x02';

test.each<[what: string, make: () => Uint8Array, message: RegExp]>([
  ['cut', () => bytes.slice(0, -1), /zip directory at its end is missing, so it is not whole/],
  ['cut in half', () => bytes.slice(0, bytes.length / 2), /not whole/],
  ['a directory beyond the file', () => changed((v) => overwriteDirectory(v, { offset: 2 ** 31 })), /beyond the file/],
  [
    'a directory of 2 GB',
    () => changed((v) => overwriteDirectory(v, { size: 2 ** 31 })),
    /has 2147483648 bytes, more than/,
  ],
  [
    'compressed',
    () => changed((v) => v.setUint16(entryOf('data.pkl') + 10, 8, true)),
    /"\w+\/data\.pkl" is compressed/,
  ],
  ['encrypted', () => changed((v) => v.setUint16(entryOf('data.pkl') + 8, 1, true)), /compressed or encrypted/],
  [
    'a pickle of 2 GB',
    () => changed((v) => v.setUint32(entryOf('data.pkl') + 24, 2 ** 31, true)),
    /more than 67108864/,
  ],
  [
    'a storage beyond the file',
    () => changed((v) => v.setUint32(entryOf('data/3') + 42, 2 ** 30, true)),
    /beyond the file/,
  ],
  [
    'a storage too small',
    () => changed((v) => v.setUint32(entryOf('data/0') + 24, 3, true)),
    /"0" has 3 bytes instead of 48/,
  ],
  [
    'a storage of another name',
    () => changed((v) => v.setUint8(entryOf('data/0') + 46, 0x5f)),
    /the storage "0" is missing/,
  ],
  [
    'big-endian',
    () => changed((v) => new Uint8Array(v.buffer).set(new TextEncoder().encode('big   '), find('little'))),
    /big-endian/,
  ],
  ['no data.pkl', () => changed((v) => v.setUint8(entryOf('data.pkl') + 46, 0x2f)), /has no data\.pkl/],
])('refused: %s', async (_, make, message) => {
  const opening = openTorch(make());
  await expect(opening).rejects.toThrow(TorchError);
  await expect(opening).rejects.toThrow(message);
});

test('a storage that is not where the directory says is refused when it is read', async () => {
  const source = await openTorch(changed((v) => v.setUint32(entryOf('data/0') + 42, 1, true)));
  await expect(source.read('kinds.F64')).rejects.toThrow(/data\/0" is not where the directory says/);
});

test('an archive beyond 4 GiB is read by its zip64 fields', async () => {
  const hole = 5 * 2 ** 30; // nothing, between the first bytes and an archive as it was
  const end = findLast(END);
  const old = new DataView(bytes.buffer);
  const [size, offset] = [old.getUint32(end + 12, true), old.getUint32(end + 16, true)];
  const directory: number[] = [];
  for (let at = offset; at < offset + size; ) {
    const [name, extra, comment] = [28, 30, 32].map((field) => old.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const entry = bytes.slice(at, at + 46 + name);
    const view = new DataView(entry.buffer);
    const place = Uint8Array.from([1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    new DataView(place.buffer).setBigUint64(4, BigInt(hole + view.getUint32(42, true)), true);
    view.setUint32(42, 0xffffffff, true);
    view.setUint16(30, place.length, true);
    view.setUint16(32, 0, true);
    directory.push(...entry, ...place);
    at += 46 + name + extra + comment;
  }
  const tail = new DataView(new ArrayBuffer(56 + 20 + 22));
  tail.setUint32(0, 0x06064b50, true);
  tail.setBigUint64(40, BigInt(directory.length), true);
  tail.setBigUint64(48, BigInt(hole + offset), true);
  tail.setUint32(56, 0x07064b50, true);
  tail.setBigUint64(64, BigInt(hole + offset + directory.length), true);
  tail.setUint32(76, 0x06054b50, true);
  tail.setUint32(76 + 16, 0xffffffff, true);
  const archive = Uint8Array.from([...bytes.subarray(0, offset), ...directory, ...new Uint8Array(tail.buffer)]);
  const source = await openTorch({
    size: hole + archive.length,
    read: async (at, length) => {
      const read = new Uint8Array(length);
      if (at === 0) read.set(bytes.subarray(0, length));
      else read.set(archive.subarray(Math.max(at - hole, 0), at + length - hole), Math.max(hole - at, 0));
      return read;
    },
    close: async () => {},
  });
  expect([...(await source.read('views.rows'))]).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
});

/** Where the directory's entry of a file begins. */
function entryOf(name: string): number {
  for (let at = find(ENTRY); at >= 0; at = find(ENTRY, at + 1)) {
    const length = bytes[at + 28]! + 256 * bytes[at + 29]!;
    if (
      Buffer.from(bytes.buffer, at + 46, length)
        .toString()
        .endsWith(`/${name}`)
    )
      return at;
  }
  throw new Error(`no entry ${name}`);
}

/** In the end record, and in that of zip64 where there is one. */
function overwriteDirectory(view: DataView, { offset, size }: { offset?: number; size?: number }): void {
  const [end, end64] = [findLast(END), find('PK\x06\x06')];
  if (size !== undefined) view.setUint32(end + 12, size, true);
  if (offset !== undefined) view.setUint32(end + 16, offset, true);
  if (end64 < 0) return;
  if (size !== undefined) view.setBigUint64(end64 + 40, BigInt(size), true);
  if (offset !== undefined) view.setBigUint64(end64 + 48, BigInt(offset), true);
}
