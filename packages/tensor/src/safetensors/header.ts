import { isLfsPointer, LFS_PROBLEM, LFS_REMEDY } from '../config/lfs-pointer.js';
import type { QuantizedFormat } from '../quantized/formats.js';
import { type ByteSource, readExactly } from './bytes.js';
import { DTYPE_BYTES, type Dtype, isDtype } from './dtype.js';
import { AGAIN, quote, SafetensorsError } from './errors.js';
import { JsonReader } from './json.js';

/** The place of a tensor in a file. */
export interface TensorInfo {
  /** Of a packed matrix its format. */
  readonly dtype: Dtype | QuantizedFormat;
  /** Of a packed matrix [output,input]. */
  readonly shape: readonly number[];
  /** The format of a matrix that stays packed in memory. */
  readonly packed?: QuantizedFormat | undefined;
  /** Byte of the file at which the data start. */
  readonly offset: number;
  /** Length of the data. */
  readonly bytes: number;
}

/** The parsed header of a file. */
export interface Header {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The entries of `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
}

export const LARGEST_HEADER = 100_000_000; // the limit of the reference implementation
const HIGHEST_RANK = 64;

interface Entry {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** Returns the bytes that a tensor of a shape takes; undefined where they are not a whole number below 2^53. */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number | undefined {
  let bytes: number = DTYPE_BYTES[dtype];
  for (const size of shape) {
    bytes *= size;
    if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

/** Decodes the text of a JSON file or header. @throws SafetensorsError for bytes that are not UTF-8 */
export function utf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SafetensorsError(file, 'the header is not UTF-8 text', AGAIN, { cause });
  }
}

/**
 * Reads the whole header of a file and checks it against the file's actual size, before allocating anything for data.
 * @throws SafetensorsError
 */
export async function readHeader(source: ByteSource, file: string): Promise<Header> {
  const fail = (problem: string) => new SafetensorsError(file, problem, AGAIN);
  if (source.size < 8) throw fail(`the file has ${source.size} bytes, too few for a header`);
  const prefix = await readExactly(source, file, [0, 8]);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(source.size - 8)) {
    const start = await readExactly(source, file, [0, Math.min(64, source.size)]);
    if (isLfsPointer(start)) throw new SafetensorsError(file, LFS_PROBLEM, LFS_REMEDY);
    throw fail(`the header should have ${length} bytes, but the file has only ${source.size}`);
  }
  if (length > BigInt(LARGEST_HEADER)) {
    throw fail(`the header should have ${length} bytes, more than the limit of ${LARGEST_HEADER}`);
  }
  const start = 8 + Number(length);
  const text = utf8(await readExactly(source, file, [8, Number(length)]), file);
  const { entries, metadata } = parseHeader(text, (problem) => fail(`in the header, ${problem}`));
  checkRanges(entries, source.size - start, fail);
  const tensors = new Map<string, TensorInfo>();
  for (const [name, { dtype, shape, begin, end }] of entries) {
    tensors.set(name, { dtype, shape, offset: start + begin, bytes: end - begin });
  }
  return { tensors, metadata };
}

function parseHeader(text: string, fail: (problem: string) => Error) {
  const entries = new Map<string, Entry>();
  const metadata = new Map<string, string>();
  let current: string | undefined;
  const failHere = (problem: string) => fail(current === undefined ? problem : `${quote(current)}: ${problem}`);
  const reader = new JsonReader(text, failHere);
  reader.object((name) => {
    current = name;
    if (name === '__metadata__') reader.object((key) => metadata.set(key, reader.string()));
    else entries.set(name, parseEntry(reader, failHere));
    current = undefined;
  });
  reader.end();
  return { entries, metadata };
}

function parseEntry(reader: JsonReader, fail: (problem: string) => Error): Entry {
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  const integers = (limit: number) => {
    const values: number[] = [];
    reader.array(() => {
      if (values.length === limit) throw fail(`a list has more than ${limit} numbers`);
      values.push(reader.integer());
    });
    return values;
  };
  reader.object((field) => {
    if (field === 'dtype') dtype = reader.string();
    else if (field === 'shape') shape = integers(HIGHEST_RANK);
    else if (field === 'data_offsets') offsets = integers(2);
    else reader.skip();
  });
  const [begin, end] = offsets ?? [];
  if (dtype === undefined || shape === undefined || begin === undefined || end === undefined) {
    throw fail('dtype, shape or the two data_offsets are missing');
  }
  if (!isDtype(dtype)) throw fail(`the dtype ${quote(dtype)} is not known`);
  const bytes = tensorBytes(dtype, shape);
  if (bytes === undefined) throw fail(`the shape [${shape}] is too large`);
  if (end - begin !== bytes)
    throw fail(`${dtype} [${shape}] takes ${bytes} bytes, but its range is ${begin} to ${end}`);
  return { dtype, shape, begin, end };
}

/** Ranges must cover the data exactly: in order, without overlap or gap, to the end of the file. */
function checkRanges(entries: ReadonlyMap<string, Entry>, size: number, fail: (problem: string) => Error): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const [name, { begin, end }] of sorted) {
    if (end > size) throw fail(`tensor ${quote(name)} ends at byte ${end} of the data, but the file has only ${size}`);
    if (begin < at) throw fail(`tensor ${quote(name)} overlaps the one before it`);
    if (begin > at) throw fail(`${begin - at} bytes before tensor ${quote(name)} belong to no tensor`);
    at = end;
  }
  if (at !== size) throw fail(`${size - at} bytes after the last tensor belong to no tensor`);
}
