import type { WeightSource } from '../weights.js';
import { type ByteSource, readExactly } from './bytes.js';
import { type Dtype, widener } from './dtype.js';
import { quote, SafetensorsError } from './errors.js';
import { readHeader, type TensorInfo } from './header.js';

/** A tensor as stored: little-endian bytes, row-major. */
export interface RawTensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** The named tensors of a safetensors file, or of a folder's shards, each read on request. */
export interface SafetensorsSource extends WeightSource {
  /** Shape and dtype of each tensor by name. */
  readonly names: ReadonlyMap<string, { readonly shape: readonly number[]; readonly dtype: Dtype }>;
  /** The entries of `__metadata__`, of all shards together where there are several. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Reads a tensor as float32, into an array that the caller owns. F32, F16, BF16, 8- and 16-bit integers and BOOL (0 or 1)
   * are exact; F64 and integers beyond 2^24 are rounded to nearest: use `readRaw` where that matters.
   * @throws SafetensorsError for an unknown name, a dtype without conversion, and when reading fails
   */
  read(name: string): Promise<Float32Array>;
  /** Reads a tensor as stored, into bytes that the caller owns. @throws SafetensorsError as `read` */
  readRaw(name: string): Promise<RawTensor>;
  /** Closes the files; nothing can be read then. */
  close(): Promise<void>;
}

const CHUNK = 8 * 2 ** 20; // bytes converted at once; a multiple of every element size

/**
 * Opens one file by its positioned reads, and checks its whole header.
 * @throws SafetensorsError for a malformed header, after closing the source
 */
export async function openSource(source: ByteSource, file: string): Promise<SafetensorsSource> {
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await source.close();
  };
  const header = await readHeader(source, file).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const find = (name: string): TensorInfo => {
    if (closed) throw new SafetensorsError(file, 'it is closed', 'read before close()');
    const info = header.tensors.get(name);
    if (info !== undefined) return info;
    throw new SafetensorsError(file, `there is no tensor ${quote(name)}`, 'choose one of names');
  };
  return {
    origin: file,
    names: header.tensors,
    metadata: header.metadata,
    read: async (name) => readFloats(source, file, [name, find(name)]),
    async readRaw(name) {
      const { dtype, shape, offset, bytes } = find(name);
      return { dtype, shape, bytes: await readExactly(source, file, [offset, bytes]) };
    },
    close,
  };
}

/**
 * Reads a contiguous tensor, converted to float32.
 * @throws SafetensorsError for a dtype without conversion, and when reading fails
 */
export async function readFloats(
  source: ByteSource,
  file: string,
  [name, info]: [string, TensorInfo],
): Promise<Float32Array> {
  const { dtype, shape, offset, bytes } = info;
  const widen = widener(dtype);
  if (widen === undefined) {
    throw new SafetensorsError(file, `${dtype} of tensor ${quote(name)} has no conversion to float32`, 'use readRaw');
  }
  if (dtype === 'F32') {
    const data = await readExactly(source, file, [offset, bytes]);
    if (data.byteOffset % 4 === 0) return new Float32Array(data.buffer, data.byteOffset, bytes / 4);
    return new Float32Array(new Uint8Array(data).buffer);
  }
  const values = allocate(file, name, shape);
  const size = bytes / Math.max(values.length, 1);
  for (let at = 0; at < bytes; at += CHUNK) {
    const length = Math.min(CHUNK, bytes - at);
    const part = values.subarray(at / size, (at + length) / size);
    widen(await readExactly(source, file, [offset + at, length]), part);
  }
  return values;
}

function allocate(file: string, name: string, shape: readonly number[]): Float32Array {
  try {
    return new Float32Array(shape.reduce((a, b) => a * b, 1));
  } catch (cause) {
    const problem = `tensor ${quote(name)} [${shape}] does not fit in memory`;
    throw new SafetensorsError(file, problem, 'more memory is needed', { cause });
  }
}
