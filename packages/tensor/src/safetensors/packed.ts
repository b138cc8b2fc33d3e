import {
  BLOCKS,
  checkQuantized,
  isPackable,
  isQuantizedFormat,
  matrixBytes,
  matrixShape,
  type QuantizedFormat,
  type QuantizedValues,
} from '../quantized/formats.js';
import type { StoredMatrix } from '../quantized/stored-matrix.js';
import { quote } from './errors.js';
import type { Header, TensorInfo } from './header.js';

/**
 * What `__metadata__` says of a packed matrix: `packed:NAME` -> `Q4_0 [2560,10240]`, or `[96,16,1,1]` of a 1x1 convolution, all
 * axes but the first being one row. The tensor of that name is a vector of
 * bytes: the blocks, row by row, and after those of `I8` the scales of its rows in float32. Half precision is a plain tensor.
 */
const PREFIX = 'packed:';

/** The entry of `__metadata__` for a packed matrix. */
export const packedEntry = (name: string, format: QuantizedFormat, shape: readonly number[]): [string, string] => [
  PREFIX + name,
  `${format} [${shape}]`,
];

/** Tells whether matrices of a format are plain tensors of the safetensors format: half precision. */
export const isPlain = (format: QuantizedFormat): boolean => format === 'F16' || format === 'BF16';

/** A packed matrix as an entry of a file, without its name; its bytes are copied where it has scales. */
export function packedTensor(matrix: QuantizedValues) {
  const { format, shape, bytes, scales } = matrix;
  checkQuantized(matrix);
  const data = scales ? joined(bytes, new Uint8Array(scales.buffer, scales.byteOffset, scales.byteLength)) : bytes;
  return { shape, dtype: format, packed: format, data };
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/**
 * Gives the matrices of a file that its header says to be packed, as tensors of their own shape.
 * @throws what `fail` makes of an entry that does not fit its tensor
 */
export function withPacked({ tensors, metadata }: Header, fail: (problem: string) => Error): Header {
  const found = new Map<string, TensorInfo>(tensors);
  for (const [key, value] of metadata) {
    if (!key.startsWith(PREFIX)) continue;
    const name = key.slice(PREFIX.length);
    const info = tensors.get(name);
    if (!info) throw fail(`the metadata say how ${quote(name)} is packed, which is not there`);
    found.set(name, { ...info, ...packedInfo(value, info, (problem) => fail(`${quote(name)}: ${problem}`)) });
  }
  return { tensors: found, metadata };
}

function packedInfo(text: string, { dtype, shape, bytes }: TensorInfo, fail: (problem: string) => Error) {
  const [, format = '', sizes = ''] = /^(\w{2,8}) \[(\d{1,15}(?:,\d{1,15}){1,3})\]$/.exec(text) ?? [];
  if (!isQuantizedFormat(format)) throw fail(`the packing ${quote(text)} is not known`);
  const whole = sizes.split(',').map(Number);
  const matrix = matrixShape(whole);
  const { values } = BLOCKS[format];
  if (!isPackable(format, matrix[1])) {
    throw fail(`rows of ${matrix[1]} values are not whole blocks of ${values}, as ${format} needs`);
  }
  const needed = matrixBytes(format, matrix);
  const fits = isPlain(format) ? dtype === format && `${shape}` === `${whole}` : dtype === 'U8' && shape.length === 1;
  if (!fits || bytes !== needed) {
    const as = isPlain(format) ? `a tensor ${format} [${whole}]` : `a vector of ${needed} bytes`;
    throw fail(`${format} [${whole}] is stored as ${as}, not as ${dtype} [${shape}]`);
  }
  return { dtype: format, shape: whole, packed: format };
}

/** A packed matrix of a file, whose bytes begin at `offset`. */
export function storedMatrix(
  { packed, shape, offset, bytes }: TensorInfo,
  into: (target: Uint8Array, offset: number) => Promise<void>,
): StoredMatrix | undefined {
  if (packed === undefined) return undefined;
  const scales = async (): Promise<Float32Array> => {
    const values = new Float32Array(shape[0] as number);
    await into(new Uint8Array(values.buffer), offset + bytes - values.byteLength);
    return values;
  };
  return {
    format: packed,
    shape: matrixShape(shape),
    read: (target, begin) => into(target, offset + begin),
    ...(packed === 'I8' && { scales }),
  };
}
