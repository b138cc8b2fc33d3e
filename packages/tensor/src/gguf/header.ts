import { isLfsPointer, LFS_PROBLEM, LFS_REMEDY } from '../config/lfs-pointer.js';
import { type ByteSource, readExactly } from '../safetensors/bytes.js';
import { quote } from '../safetensors/errors.js';
import { type Cursor, cursorOf, NeedsMore } from './cursor.js';
import { AGAIN, GgufError } from './errors.js';
import { type GgufValue, readValue } from './metadata.js';
import { blockOf, type GgufType, ggufTypes, typeName, typeOf } from './types.js';

/** The place of a tensor in a file. */
export interface GgufTensor {
  readonly dtype: GgufType;
  /** The format of a matrix that stays packed. */
  readonly packed?: Exclude<GgufType, 'F32'> | undefined;
  /** Outer axes first, as everywhere here; the file has them in reverse. */
  readonly shape: readonly number[];
  /** Byte of the file at which the data start. */
  readonly offset: number;
  readonly bytes: number;
}

/** The parsed header of a file. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Bytes that are read first, and the most that a header may have. */
const FIRST = 2 ** 20;
const LARGEST_HEADER = 2 ** 28;
const HIGHEST_RANK = 4;
const LARGEST_ALIGNMENT = 2 ** 16;

/**
 * Reads the header of a file and checks it against the file's actual size, before allocating anything for data.
 * @throws GgufError
 */
export async function readHeader(source: ByteSource, file: string): Promise<GgufHeader> {
  for (let length = FIRST; ; ) {
    const head = await readExactly(source, file, [0, Math.min(length, source.size)]);
    if (isLfsPointer(head)) throw new GgufError(file, LFS_PROBLEM, LFS_REMEDY);
    try {
      return parse(head, source.size, file);
    } catch (error) {
      if (!(error instanceof NeedsMore)) throw error;
      if (error.bytes > LARGEST_HEADER) {
        throw new GgufError(file, `its header has more than the limit of ${LARGEST_HEADER} bytes`, AGAIN);
      }
      length = Math.min(LARGEST_HEADER, Math.max(4 * length, error.bytes));
    }
  }
}

function parse(head: Uint8Array, size: number, file: string): GgufHeader {
  const fail = (problem: string): Error => new GgufError(file, problem, AGAIN);
  const cursor = cursorOf(head, size, fail);
  checkVersion(cursor, file, fail);
  const tensorCount = cursor.count('tensors', 8 + 4 + 8 + 4 + 8);
  const keyCount = cursor.count('metadata entries', 8 + 4 + 1);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) {
    const key = name(cursor, fail);
    if (metadata.has(key)) throw fail(`the metadata ${quote(key)} is there twice`);
    metadata.set(
      key,
      readValue(cursor, (problem) => fail(`the metadata ${quote(key)} ${problem}`)),
    );
  }
  const parts = metadata.get('split.count');
  if (typeof parts === 'number' && parts > 1) {
    throw new GgufError(file, `it is one of ${parts} parts of a model`, 'merge them with llama-gguf-split --merge');
  }
  const found: Found[] = [];
  for (let i = 0; i < tensorCount; i++) found.push(tensor(cursor, file, fail));
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || !(alignment >= 1 && alignment <= LARGEST_ALIGNMENT) || alignment % 1 !== 0) {
    throw fail(`its general.alignment is not a whole number from 1 to ${LARGEST_ALIGNMENT}`);
  }
  const start = Math.ceil(cursor.at / alignment) * alignment;
  return { metadata, tensors: placed(found, { start, alignment, size }, fail) };
}

function checkVersion(cursor: Cursor, file: string, fail: (problem: string) => Error): void {
  if (String.fromCharCode(...cursor.bytes(4)) !== 'GGUF') throw fail("it does not begin with 'GGUF'");
  const version = cursor.u32();
  if (version === 2 || version === 3) return;
  const big = version === 0x02000000 || version === 0x03000000;
  const problem = big ? 'its numbers are big-endian' : `it has version ${version}`;
  throw new GgufError(file, problem, 'only little-endian files of versions 2 and 3 are read: convert it again');
}

const NAMES = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONGEST_NAME = 2 ** 16;

function name(cursor: Cursor, fail: (problem: string) => Error): string {
  const length = cursor.count('letters in a name', 1);
  if (length > LONGEST_NAME) throw fail(`it has a name of ${length} bytes, more than ${LONGEST_NAME}`);
  const bytes = cursor.bytes(length);
  try {
    return NAMES.decode(bytes);
  } catch {
    throw fail('it has a name that is not UTF-8 text');
  }
}

interface Found {
  readonly name: string;
  readonly dtype: GgufType;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** From the beginning of the data. */
  readonly begin: number;
}

function tensor(cursor: Cursor, file: string, fail: (problem: string) => Error): Found {
  const title = name(cursor, fail);
  const failHere = (problem: string): Error => fail(`tensor ${quote(title)} ${problem}`);
  const rank = cursor.u32();
  if (rank < 1 || rank > HIGHEST_RANK) throw failHere(`has ${rank} axes instead of 1 to ${HIGHEST_RANK}`);
  const shape: number[] = [];
  let values = 1;
  for (let axis = 0; axis < rank; axis++) {
    const size = cursor.whole(false);
    values *= Number(size);
    if (typeof size !== 'number' || size < 1 || !Number.isSafeInteger(values)) throw failHere(`has an axis of ${size}`);
    shape.unshift(size);
  }
  const number = cursor.u32();
  const begin = cursor.whole(false);
  const dtype = typeOf(number);
  if (!dtype) {
    const remedy = `give a file of the types ${ggufTypes.join(', ')}, such as Q4_K_M, Q8_0 or F16 (llama-quantize makes them)`;
    throw new GgufError(
      file,
      `tensor ${quote(title)} has the type ${typeName(number)}, which is not read here`,
      remedy,
    );
  }
  const block = blockOf(dtype);
  const row = shape[rank - 1] as number;
  if (row % block.values !== 0) throw failHere(`has rows of ${row}, not whole ${dtype} blocks of ${block.values}`);
  if (typeof begin !== 'number') throw failHere(`begins at byte ${begin}`);
  return { name: title, dtype, shape, begin, bytes: (values / block.values) * block.bytes };
}

/** Tensors lie within the file, aligned, and none over another. */
function placed(
  found: readonly Found[],
  { start, alignment, size }: { readonly start: number; readonly alignment: number; readonly size: number },
  fail: (problem: string) => Error,
): Map<string, GgufTensor> {
  let at = 0;
  for (const { name: title, begin, bytes } of [...found].sort((a, b) => a.begin - b.begin || a.bytes - b.bytes)) {
    if (begin % alignment !== 0) throw fail(`tensor ${quote(title)} begins at byte ${begin}, which is not aligned`);
    if (begin < at) throw fail(`tensor ${quote(title)} overlaps the one before it`);
    at = begin + bytes;
    if (!(start + at <= size))
      throw fail(`tensor ${quote(title)} ends at byte ${start + at}, beyond the end at ${size}`);
  }
  const tensors = new Map<string, GgufTensor>();
  for (const { name: title, dtype, shape, begin, bytes } of found) {
    if (tensors.has(title)) throw fail(`tensor ${quote(title)} is there twice`);
    const packed = dtype !== 'F32' && shape.length === 2 ? dtype : undefined;
    tensors.set(title, { dtype, shape, packed, offset: start + begin, bytes });
  }
  return tensors;
}
