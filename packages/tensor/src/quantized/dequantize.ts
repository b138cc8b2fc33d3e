import { BLOCKS, checkQuantized, type QuantizedFormat, type QuantizedValues } from './formats.js';
import { bfloatValues, halfValues } from './halves.js';

/** Reads the block at `at` and writes its values from `to` on. */
type Unpack = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

const { fround } = Math;
const word = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);
const half = (bytes: Uint8Array, at: number): number => halfValues()[word(bytes, at)]!;
const signed = (byte: number): number => (byte << 24) >> 24;

/** `d·q`, 8 bits. */
const q8_0: Unpack = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let i = 0; i < 32; i++) out[to + i] = d * signed(bytes[at + 2 + i]!);
};

/** `d·(q - 8)`; byte i has the values i and 16 + i. */
const q4_0: Unpack = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + 2 + i]!;
    out[to + i] = d * ((byte & 15) - 8);
    out[to + 16 + i] = d * ((byte >> 4) - 8);
  }
};

/** `d·q + m` */
const q4_1: Unpack = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const m = half(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + 4 + i]!;
    out[to + i] = fround(d * (byte & 15)) + m;
    out[to + 16 + i] = fround(d * (byte >> 4)) + m;
  }
};

/** Scale and minimum, 6 bits each, of a part of 32 values; the upper bits of the last four lie in the first four. */
export function scaleAndMinimum(bytes: Uint8Array, at: number, part: number): [scale: number, minimum: number] {
  const low = (i: number): number => bytes[at + i]!;
  if (part < 4) return [low(part) & 63, low(part + 4) & 63];
  const both = low(part + 4);
  return [(both & 15) | ((low(part - 4) >> 6) << 4), (both >> 4) | ((low(part) >> 6) << 4)];
}

/** `d·scale·q - m·minimum` with 8 parts of 32; 32 bytes have the values of two parts. */
const q4_k: Unpack = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const m = half(bytes, at + 2);
  for (let part = 0; part < 8; part++) {
    const [scale, minimum] = scaleAndMinimum(bytes, at + 4, part);
    const factor = fround(d * scale);
    const offset = fround(m * minimum);
    const from = at + 16 + 32 * (part >> 1);
    const shift = 4 * (part & 1);
    for (let i = 0; i < 32; i++) {
      out[to + 32 * part + i] = fround(factor * ((bytes[from + i]! >> shift) & 15)) - offset;
    }
  }
};

/** `d·scale·(q - 32)` with 16 parts of 16; 4 bits lie in the first 128 bytes, 2 bits in the next 64, scales after them. */
const q6_k: Unpack = (bytes, at, out, to) => {
  const d = half(bytes, at + 208);
  for (let i = 0; i < 256; i++) {
    const [side, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = (bytes[at + 64 * side + 32 * (quarter & 1) + l]! >> (4 * (quarter >> 1))) & 15;
    const high = (bytes[at + 128 + 32 * side + l]! >> (2 * quarter)) & 3;
    const scale = signed(bytes[at + 192 + (i >> 4)]!);
    out[to + i] = fround(d * scale) * ((low | (high << 4)) - 32);
  }
};

const UNPACK: { readonly [F in QuantizedFormat]: Unpack } = {
  F16: (bytes, at, out, to) => {
    out[to] = half(bytes, at);
  },
  BF16: (bytes, at, out, to) => {
    out[to] = bfloatValues()[word(bytes, at)]!;
  },
  I8: (bytes, at, out, to) => {
    out[to] = signed(bytes[at]!);
  },
  Q8_0: q8_0,
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q4_K: q4_k,
  Q6_K: q6_k,
};

/**
 * Computes the values of a packed matrix as float32, row-major: the reference of all kernels.
 * @throws where bytes or scales are not as many as format and shape need
 */
export function dequantize(matrix: QuantizedValues): Float32Array {
  checkQuantized(matrix);
  const [output, input] = matrix.shape;
  const out = new Float32Array(output * input);
  for (let row = 0; row < output; row++) dequantizeRow(matrix, row, out.subarray(row * input, (row + 1) * input));
  return out;
}

/** Computes one row of a packed matrix, whose sizes were checked, into `out`. */
export function dequantizeRow({ format, shape, bytes, scales }: QuantizedValues, row: number, out: Float32Array): void {
  const block = BLOCKS[format];
  const blocks = shape[1] / block.values;
  const unpack = UNPACK[format];
  for (let b = 0; b < blocks; b++) unpack(bytes, (row * blocks + b) * block.bytes, out, b * block.values);
  if (scales) for (let i = 0; i < out.length; i++) out[i]! *= scales[row]!;
}
