import { float32ToBfloat16, float32ToFloat16 } from '../safetensors/half.js';
import { BLOCKS, type MatrixShape, packedBytes, type QuantizedFormat, type QuantizedValues } from './formats.js';
import { halfOf, halfValues } from './halves.js';

/** Packs a block of values into bytes that are zero. */
type Pack = (values: Float32Array, bytes: Uint8Array) => void;

/** Writes a value as binary16, and returns what that is. */
function putHalf(bytes: Uint8Array, at: number, value: number): number {
  const bits = halfOf(value);
  bytes[at] = bits & 255;
  bytes[at + 1] = bits >> 8;
  return halfValues()[bits]!;
}

/** The value of largest magnitude, with its sign. */
function extreme(values: Float32Array): number {
  let most = 0;
  for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) > Math.abs(most)) most = values[i]!;
  return most;
}

/** Rounds to the nearest whole number that is at least `least` and at most `most`; 0 where a division by 0 made it NaN. */
const limited = (q: number, least: number, most: number): number =>
  Number.isFinite(q) ? Math.min(most, Math.max(least, Math.round(q))) : 0;

/** The whole number in [least, most] that is nearest to `x / scale`. */
const nearest = (x: number, scale: number, [least, most]: readonly [number, number]): number =>
  limited(x / scale, least, most);

const q8_0: Pack = (values, bytes) => {
  const d = putHalf(bytes, 0, Math.abs(extreme(values)) / 127);
  for (let i = 0; i < 32; i++) bytes[2 + i] = limited(values[i]! / d, -127, 127);
};

// Byte i of 4-bit blocks has the values i and 16 + i.

/** The extreme value becomes -8, as there is one whole number more below 0 than above. */
const q4_0: Pack = (values, bytes) => {
  const d = putHalf(bytes, 0, extreme(values) / -8);
  for (let i = 0; i < 16; i++) {
    bytes[2 + i] = (limited(values[i]! / d, -8, 7) + 8) | ((limited(values[16 + i]! / d, -8, 7) + 8) << 4);
  }
};

const q4_1: Pack = (values, bytes) => {
  const m = putHalf(bytes, 2, Math.min(...values));
  const d = putHalf(bytes, 0, (Math.max(...values) - m) / 15);
  for (let i = 0; i < 16; i++) {
    bytes[4 + i] = limited((values[i]! - m) / d, 0, 15) | (limited((values[16 + i]! - m) / d, 0, 15) << 4);
  }
};

const part = (values: Float32Array, i: number, size: number): Float32Array => values.subarray(i * size, (i + 1) * size);

const q4_k: Pack = (values, bytes) => {
  const parts = Array.from({ length: 8 }, (_, i) => {
    const own = part(values, i, 32);
    const minimum = Math.max(0, -Math.min(...own)); // is subtracted
    return { own, minimum, scale: (Math.max(...own) + minimum) / 15 };
  });
  const d = putHalf(bytes, 0, Math.max(...parts.map(({ scale }) => Math.max(0, scale))) / 63);
  const m = putHalf(bytes, 2, Math.max(...parts.map(({ minimum }) => minimum)) / 63);
  for (const [i, { own, minimum, scale }] of parts.entries()) {
    const [s, o] = [nearest(scale, d, [0, 63]), nearest(minimum, m, [0, 63])];
    if (i < 4) {
      bytes[4 + i]! |= s;
      bytes[8 + i]! |= o;
    } else {
      bytes[8 + i] = (s & 15) | ((o & 15) << 4);
      bytes[i]! |= (s >> 4) << 6;
      bytes[4 + i]! |= (o >> 4) << 6;
    }
    for (let l = 0; l < 32; l++)
      bytes[16 + 32 * (i >> 1) + l]! |= nearest(own[l]! + m * o, d * s, [0, 15]) << (4 * (i & 1));
  }
};

const q6_k: Pack = (values, bytes) => {
  const scales = Float32Array.from({ length: 16 }, (_, i) => extreme(part(values, i, 16)) / -32);
  const d = putHalf(bytes, 208, extreme(scales) / -128);
  for (const [i, scale] of scales.entries()) bytes[192 + i] = nearest(scale, d, [-128, 127]);
  for (let i = 0; i < 256; i++) {
    const [side, quarter, l] = [i >> 7, (i >> 5) & 3, i & 31];
    const q = nearest(values[i]!, d * ((bytes[192 + (i >> 4)]! << 24) >> 24), [-32, 31]) + 32;
    bytes[64 * side + 32 * (quarter & 1) + l]! |= (q & 15) << (4 * (quarter >> 1));
    bytes[128 + 32 * side + l]! |= (q >> 4) << (2 * quarter);
  }
};

const PACK: { readonly [F in QuantizedFormat]?: Pack } = {
  Q8_0: q8_0,
  Q4_0: q4_0,
  Q4_1: q4_1,
  Q4_K: q4_k,
  Q6_K: q6_k,
};

/**
 * Packs a matrix: each block gets the scale, and the minimum, that its extreme values need, and each value the nearest number.
 * @param values row-major, finite
 * @throws where rows are not whole blocks, and for values that are not finite
 */
export function quantize(values: Float32Array, shape: MatrixShape, format: QuantizedFormat): QuantizedValues {
  const [output, input] = shape;
  const bytes = new Uint8Array(packedBytes(format, shape));
  if (values.length !== output * input)
    throw new Error(`A matrix [${output},${input}] has ${output * input} values, not ${values.length}.`);
  if (!values.every(Number.isFinite))
    throw new Error(`A matrix [${output},${input}] with values that are not finite cannot be packed as ${format}.`);
  if (format === 'I8') {
    const scales = quantizeRows(values, bytes, input);
    return { format, shape, bytes, scales };
  }
  const pack = PACK[format];
  if (!pack) {
    const halves = (format === 'F16' ? float32ToFloat16 : float32ToBfloat16)(values);
    return { format, shape, bytes: new Uint8Array(halves.buffer) };
  }
  const block = BLOCKS[format];
  for (let b = 0; b * block.values < values.length; b++)
    pack(part(values, b, block.values), bytes.subarray(b * block.bytes, (b + 1) * block.bytes));
  return { format, shape, bytes };
}

/** Packs rows to whole numbers from -127 to 127. @returns the factor of each row */
function quantizeRows(values: Float32Array, bytes: Uint8Array, input: number): Float32Array {
  const scales = new Float32Array(input === 0 ? 0 : values.length / input);
  for (let row = 0; row < scales.length; row++) {
    const own = part(values, row, input);
    scales[row] = Math.abs(extreme(own)) / 127;
    const scale = scales[row]!;
    for (let i = 0; i < input; i++) bytes[row * input + i] = limited(own[i]! / scale, -127, 127);
  }
  return scales;
}
