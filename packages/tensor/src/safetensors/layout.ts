import { isPackable, matrixBytes, matrixShape, type QuantizedFormat } from '../quantized/formats.js';
import { DTYPE_BYTES, isDtype } from './dtype.js';
import { quote, SafetensorsError } from './errors.js';
import { float32ToBfloat16, float32ToFloat16 } from './half.js';
import { LARGEST_HEADER, tensorBytes } from './header.js';
import { isPlain, packedEntry } from './packed.js';

/** The values of a tensor to write. */
export type TensorData = Float32Array | Int32Array | Uint8Array;

/**
 * A tensor to write: F32, F16 and BF16 take a `Float32Array`, I32 an `Int32Array`, U8 a `Uint8Array`; and a packed matrix
 * [output,input] a `Uint8Array` of its blocks, row by row, and of `I8` then the scales of its rows in float32.
 * @typeParam D what `data` is: the values, or also a function that returns them
 */
export interface TensorEntry<D = TensorData | (() => TensorData | Promise<TensorData>)> {
  readonly name: string;
  readonly shape: readonly number[];
  /** For a packed matrix the same as `packed`. */
  readonly dtype: 'F32' | 'F16' | 'BF16' | 'I32' | 'U8' | QuantizedFormat;
  /** The format of a matrix that stays packed in memory when it is loaded. */
  readonly packed?: QuantizedFormat | undefined;
  /** The values, or a function that returns them, called when the tensor is written. */
  readonly data: D;
}

/** Where everything lies in a file to be written. */
export interface Layout<D> {
  /** The header's length and the padded header: the first bytes of the file. */
  readonly header: Uint8Array;
  /** In the order of the data: larger element types first, so that every tensor is aligned. */
  readonly entries: readonly TensorEntry<D>[];
  /** Bytes of the whole file. */
  readonly size: number;
}

/** What a layout needs beside the entries. */
export interface WriteContext {
  readonly file: string;
  readonly metadata: Readonly<Record<string, string>>;
}

function wrong(file: string, name: string, problem: string): SafetensorsError {
  return new SafetensorsError(file, `tensor ${quote(name)} cannot be written: ${problem}`, 'correct the entry');
}

/** Returns the bytes that an entry takes in the file. @throws SafetensorsError for an invalid shape */
export function entryBytes({ name, dtype, packed, shape }: TensorEntry<unknown>, file: string): number {
  if (packed !== undefined) {
    const matrix = matrixShape(shape);
    const whole = matrix.every(Number.isSafeInteger) && shape.length >= 2 && shape.length <= 4 && dtype === packed;
    if (whole && isPackable(packed, matrix[1])) return matrixBytes(packed, matrix);
    throw wrong(file, name, `[${shape}] as ${dtype} is no matrix of whole blocks of ${packed}`);
  }
  if (!isDtype(dtype)) throw wrong(file, name, `${dtype} is for packed matrices`);
  const bytes = tensorBytes(dtype, shape);
  if (bytes !== undefined) return bytes;
  throw wrong(file, name, `the shape [${shape}] is not made of whole numbers, or is too large`);
}

/** Checks the entries and assigns each its place in the file. @throws SafetensorsError for invalid or repeated entries */
export function layout<D>(given: readonly TensorEntry<D>[], { file, metadata }: WriteContext): Layout<D> {
  const entries = [...given].sort((a, b) => elementBytes(b) - elementBytes(a));
  const said = { ...metadata, ...packings(entries) };
  const fields = Object.keys(said).length > 0 ? [`"__metadata__":${JSON.stringify(said)}`] : [];
  const names = new Set(['__metadata__']);
  let at = 0;
  for (const entry of entries) {
    const { name } = entry;
    if (names.has(name)) throw wrong(file, name, 'the name occurs twice');
    names.add(name);
    const bytes = entryBytes(entry, file);
    const end = at + bytes;
    const [dtype, shape] = isBlocks(entry) ? ['U8', [bytes]] : [entry.dtype, entry.shape];
    fields.push(`${JSON.stringify(name)}:{"dtype":"${dtype}","shape":[${shape}],"data_offsets":[${at},${end}]}`);
    at = end;
  }
  const text = new TextEncoder().encode(`{${fields.join(',')}}`);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > LARGEST_HEADER) {
    throw new SafetensorsError(file, `the header would take ${length} bytes`, 'write fewer tensors to a file');
  }
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return { header, entries, size: header.length + at };
}

/** Whether an entry is written as a vector of bytes; packed half precision is a plain tensor. */
const isBlocks = ({ packed }: TensorEntry<unknown>): boolean => packed !== undefined && !isPlain(packed);

const elementBytes = (entry: TensorEntry<unknown>): number => {
  const { dtype } = entry;
  return isBlocks(entry) || !isDtype(dtype) ? 1 : DTYPE_BYTES[dtype];
};

const packings = (entries: readonly TensorEntry<unknown>[]): Record<string, string> =>
  Object.fromEntries(
    entries.flatMap(({ name, shape, packed }) => (packed === undefined ? [] : [packedEntry(name, packed, shape)])),
  );

const CHUNK = 2 ** 21; // elements converted at once

/** Encodes a tensor in the file's dtype, piece by piece. @throws SafetensorsError where the data do not fit the entry */
export function* pack(entry: TensorEntry<unknown>, data: TensorData, file: string): Generator<Uint8Array> {
  const { name, dtype, shape, packed } = entry;
  const bytes = packed !== undefined || dtype === 'U8';
  const kind = dtype === 'I32' ? 'Int32Array' : bytes ? 'Uint8Array' : 'Float32Array';
  const size = packed === undefined ? shape.reduce((a, b) => a * b, 1) : entryBytes(entry, file);
  const given = Object.prototype.toString.call(data).slice(8, -1);
  if (given !== kind) throw wrong(file, name, `${dtype} takes a ${kind}, not a ${given}`);
  if (data.length !== size)
    throw wrong(
      file,
      name,
      `[${shape}] takes ${size} ${packed === undefined ? 'values' : 'bytes'}, not ${data.length}`,
    );
  if (data instanceof Float32Array && dtype !== 'F32') {
    const convert = dtype === 'F16' ? float32ToFloat16 : float32ToBfloat16;
    for (let i = 0; i < size; i += CHUNK) yield bytesOf(convert(data.subarray(i, i + CHUNK)));
  } else yield bytesOf(data);
}

function bytesOf(data: TensorData | Uint16Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
