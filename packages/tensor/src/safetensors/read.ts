import { readPieces } from '../file-system/read-pieces.js';
import { dequantize } from '../quantized/dequantize.js';
import { type MatrixShape, packedBytes, type QuantizedFormat } from '../quantized/formats.js';
import type { StoredMatrix } from '../quantized/stored-matrix.js';
import type { WeightSource } from '../weights.js';
import { widenInPlaceOf } from '../widen-in-place.js';
import { type ByteSource, readExactly, readInto } from './bytes.js';
import { type Dtype, isDtype, widener } from './dtype.js';
import { AGAIN, quote, SafetensorsError } from './errors.js';
import { readHeader, type TensorInfo } from './header.js';
import { isPlain, storedMatrix, withPacked } from './packed.js';

/** A tensor as stored: little-endian bytes, row-major. */
export interface RawTensor {
  readonly dtype: Dtype | QuantizedFormat;
  readonly shape: readonly number[];
  /** The format of a packed matrix; its bytes are the blocks, row by row, and of `I8` then the scales of its rows in float32. */
  readonly packed?: QuantizedFormat | undefined;
  readonly bytes: Uint8Array;
}

/** What a file says of one of its tensors. */
export type StoredInfo = Omit<TensorInfo, 'offset'>;

/** The named tensors of a safetensors file, or of a folder's shards, each read on request. */
export interface SafetensorsSource extends WeightSource {
  /** Shape, dtype and bytes of each tensor by name; of a packed matrix its format, and its shape [output,input]. */
  readonly names: ReadonlyMap<string, StoredInfo>;
  /** The entries of `__metadata__`, of all shards together where there are several. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Reads a tensor as float32, into an array that the caller owns, or into `target` where it is given. F32, F16, BF16, 8- and 16-bit integers and BOOL (0 or 1)
   * are exact; F64 and integers beyond 2^24 are rounded to nearest: use `readRaw` where that matters.
   * @throws SafetensorsError for an unknown name, a dtype without conversion, and when reading fails
   */
  read(name: string, target?: Float32Array): Promise<Float32Array>;
  /** Reads a tensor as stored, into bytes that the caller owns. @throws SafetensorsError as `read` */
  readRaw(name: string): Promise<RawTensor>;
  /** Opens a matrix that is packed in the file, to be read piece by piece; undefined for other tensors. */
  quantized(name: string): Promise<StoredMatrix | undefined>;
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
  const fail = (problem: string) => new SafetensorsError(file, `in the header, ${problem}`, AGAIN);
  const header = await readHeader(source, file)
    .then((found) => withPacked(found, fail))
    .catch(async (error: unknown) => {
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
    read: async (name, target) => readFloats(source, file, { name, info: find(name), target }),
    async readRaw(name) {
      const { dtype, shape, packed, offset, bytes } = find(name);
      return { dtype, shape, packed, bytes: await readExactly(source, file, [offset, bytes]) };
    },
    quantized: async (name) => storedMatrix(find(name), (target, offset) => readInto(source, file, { target, offset })),
    close,
  };
}

/** A tensor that is read as float32. */
export interface ReadFloats {
  readonly name: string;
  readonly info: TensorInfo;
  /** Where the values go, as many as the tensor has. Default: an array of their own. */
  readonly target?: Float32Array | undefined;
}

/**
 * Reads a contiguous tensor, converted to float32.
 * @throws SafetensorsError for a dtype without conversion, and when reading fails
 */
export async function readFloats(
  source: ByteSource,
  file: string,
  { name, info, target }: ReadFloats,
): Promise<Float32Array> {
  const { dtype, shape, offset, bytes } = info;
  if (info.packed !== undefined && !isPlain(info.packed)) return readPacked(source, file, { name, info, target });
  const widen = isDtype(dtype) ? widener(dtype) : undefined;
  if (widen === undefined) {
    throw new SafetensorsError(file, `${dtype} of tensor ${quote(name)} has no conversion to float32`, 'use readRaw');
  }
  if (dtype === 'F32' && target === undefined) {
    const data = await readExactly(source, file, [offset, bytes]);
    if (data.byteOffset % 4 === 0) return new Float32Array(data.buffer, data.byteOffset, bytes / 4);
    return new Float32Array(new Uint8Array(data).buffer);
  }
  const values = target ?? allocate(file, name, shape);
  const all = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16') {
    // Halves become floats from the front to the end, where they lie: none is overwritten before it was read.
    const stored = all.subarray(all.length - bytes);
    await readPieces(stored, (part, begin) => readInto(source, file, { target: part, offset: offset + begin }));
    if (dtype === 'F32') return values;
    const widenInPlace = widenInPlaceOf(values);
    if (widenInPlace) widenInPlace(dtype);
    else widen(stored, values);
    return values;
  }
  const size = bytes / Math.max(values.length, 1);
  for (let at = 0; at < bytes; at += CHUNK) {
    const length = Math.min(CHUNK, bytes - at);
    const part = values.subarray(at / size, (at + length) / size);
    widen(await readExactly(source, file, [offset + at, length]), part);
  }
  return values;
}

/** Reads a packed matrix, converted to float32, some rows at a time. */
async function readPacked(source: ByteSource, file: string, { name, info, target }: ReadFloats): Promise<Float32Array> {
  const stored = storedMatrix(info, (target, offset) => readInto(source, file, { target, offset })) as StoredMatrix;
  const { format, shape } = stored;
  const [output, input] = shape;
  const values = target ?? allocate(file, name, shape);
  const scales = await stored.scales?.();
  const rowBytes = packedBytes(format, [1, input]);
  const rows = Math.max(1, Math.floor(CHUNK / Math.max(1, rowBytes)));
  for (let at = 0; at < output && input > 0; at += rows) {
    const end = Math.min(output, at + rows);
    const bytes = new Uint8Array((end - at) * rowBytes);
    await stored.read(bytes, at * rowBytes);
    const part: MatrixShape = [end - at, input];
    values.set(dequantize({ format, shape: part, bytes, scales: scales?.subarray(at, end) }), at * input);
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
