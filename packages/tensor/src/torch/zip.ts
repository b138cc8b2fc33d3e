import { type ByteSource, readExactly } from '../safetensors/bytes.js';
import { quote } from '../safetensors/errors.js';
import { AGAIN, TorchError } from './errors.js';

/** A file of a zip archive. */
export interface ZipEntry {
  readonly name: string;
  /** Byte at which its local header starts. */
  readonly at: number;
  readonly size: number;
  /** Neither compressed nor encrypted. */
  readonly plain: boolean;
}

const END = { signature: 0x06054b50, bytes: 22, comment: 0xffff };
const LOCATOR = { signature: 0x07064b50, bytes: 20 };
const END64 = { signature: 0x06064b50, bytes: 56 };
const ENTRY = { signature: 0x02014b50, bytes: 46 };
const LOCAL = { signature: 0x04034b50, bytes: 30 };
const LARGEST_DIRECTORY = 2 ** 24;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const u64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

/**
 * Reads the directory at the end of a zip archive (PKWARE's APPNOTE 6.3, with zip64). The files' data are not read.
 * @throws TorchError for a directory that does not fit the file
 */
export async function readDirectory(source: ByteSource, file: string): Promise<ZipEntry[]> {
  const fail = (problem: string) => new TorchError(file, problem, AGAIN);
  const { offset, size } = await findDirectory(source, file);
  if (size > LARGEST_DIRECTORY) throw fail(`the zip directory has ${size} bytes, more than ${LARGEST_DIRECTORY}`);
  if (!(offset + size <= source.size)) throw fail('the zip directory reaches beyond the file');
  const bytes = await readExactly(source, file, [offset, size]);
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  for (let at = 0; at + ENTRY.bytes <= size; ) {
    if (view.getUint32(at, true) !== ENTRY.signature) break;
    const [name, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const end = at + ENTRY.bytes + name + extra + comment;
    if (end > size) throw fail('the zip directory ends within an entry');
    const start = at + ENTRY.bytes;
    entries.push({
      name: new TextDecoder().decode(bytes.subarray(start, start + name)),
      plain: view.getUint16(at + 10, true) === 0 && (view.getUint16(at + 8, true) & 1) === 0,
      ...placeOf(view, at, [start + name, start + name + extra]),
    });
    at = end;
  }
  return entries;
}

/** Returns the byte at which a file's data start. @throws TorchError for data that are compressed, encrypted or out of range */
export async function dataOffset(source: ByteSource, file: string, entry: ZipEntry): Promise<number> {
  const fail = (problem: string) => new TorchError(file, `in the zip file, ${quote(entry.name)} ${problem}`, AGAIN);
  if (!entry.plain) throw fail('is compressed or encrypted, which torch.save never does');
  if (!(entry.at + LOCAL.bytes + entry.size <= source.size)) throw fail('reaches beyond the file');
  const view = viewOf(await readExactly(source, file, [entry.at, LOCAL.bytes]));
  if (view.getUint32(0, true) !== LOCAL.signature) throw fail('is not where the directory says');
  const offset = entry.at + LOCAL.bytes + view.getUint16(26, true) + view.getUint16(28, true);
  if (offset + entry.size > source.size) throw fail('reaches beyond the file');
  return offset;
}

async function findDirectory(source: ByteSource, file: string): Promise<{ offset: number; size: number }> {
  const fail = (problem: string) => new TorchError(file, problem, AGAIN);
  const length = Math.min(source.size, END.bytes + END.comment + LOCATOR.bytes);
  const start = source.size - length;
  const tail = viewOf(await readExactly(source, file, [start, length]));
  let at = length - END.bytes;
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === END.signature && at + END.bytes + tail.getUint16(at + 20, true) === length)
  ) {
    at--;
  }
  if (at < 0) throw fail('the zip directory at its end is missing, so it is not whole');
  const locator = at - LOCATOR.bytes;
  if (locator >= 0 && tail.getUint32(locator, true) === LOCATOR.signature) {
    const place = u64(tail, locator + 8);
    if (!(place + END64.bytes <= source.size)) throw fail('the zip64 directory reaches beyond the file');
    const view = viewOf(await readExactly(source, file, [place, END64.bytes]));
    if (view.getUint32(0, true) !== END64.signature) throw fail('the zip64 directory is missing');
    return { size: u64(view, 40), offset: u64(view, 48) };
  }
  return { size: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
}

const IN_EXTRA = 0xffffffff;

/** Reads size and offset, which large archives have in an extra field. */
function placeOf(view: DataView, at: number, [from, to]: readonly [number, number]): { size: number; at: number } {
  const fields = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
  for (let extra = from; extra + 4 <= to; extra += 4 + view.getUint16(extra + 2, true)) {
    if (view.getUint16(extra, true) !== 1) continue;
    let next = extra + 4;
    for (const [i, field] of fields.entries()) {
      if (field !== IN_EXTRA || next + 8 > to) continue;
      fields[i] = u64(view, next);
      next += 8;
    }
    break;
  }
  return { size: fields[0]!, at: fields[2]! };
}
