import { bfloat16ToFloat32, float16ToFloat32 } from './half.js';

/** Bytes of one element of each dtype of the safetensors format. */
export const DTYPE_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** The name of an element type in the safetensors format. */
export type Dtype = keyof typeof DTYPE_BYTES;

/** Reports whether a text names a dtype of the safetensors format. */
export function isDtype(text: string): text is Dtype {
  return Object.hasOwn(DTYPE_BYTES, text);
}

type Widen = (bytes: Uint8Array, out: Float32Array) => void;

/** A little-endian view; the bytes are copied only where their start is not aligned. */
function aligned(bytes: Uint8Array, size: number): [ArrayBufferLike, number, number] {
  const own = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return [own.buffer, own.byteOffset, own.byteLength / size];
}

const wide =
  (signed: boolean): Widen =>
  (bytes, out) => {
    const low = new Uint32Array(...aligned(bytes, 4));
    const high = new Int32Array(low.buffer, low.byteOffset, low.length);
    for (let i = 0; i < out.length; i++) {
      const top = signed ? high[2 * i + 1]! : low[2 * i + 1]!;
      out[i] = top * 2 ** 32 + low[2 * i]!;
    }
  };

const WIDEN: { readonly [D in Dtype]?: Widen } = {
  F64: (bytes, out) => out.set(new Float64Array(...aligned(bytes, 8))),
  // Copied as bits: a float store may change the payload of a NaN.
  F32: (bytes, out) => new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes),
  F16: (bytes, out) => float16ToFloat32(new Uint16Array(...aligned(bytes, 2)), out),
  BF16: (bytes, out) => bfloat16ToFloat32(new Uint16Array(...aligned(bytes, 2)), out),
  I64: wide(true),
  I32: (bytes, out) => out.set(new Int32Array(...aligned(bytes, 4))),
  I16: (bytes, out) => out.set(new Int16Array(...aligned(bytes, 2))),
  I8: (bytes, out) => out.set(new Int8Array(...aligned(bytes, 1))),
  U64: wide(false),
  U32: (bytes, out) => out.set(new Uint32Array(...aligned(bytes, 4))),
  U16: (bytes, out) => out.set(new Uint16Array(...aligned(bytes, 2))),
  U8: (bytes, out) => out.set(bytes),
  BOOL: (bytes, out) => out.set(bytes),
};

/** Returns the conversion of stored bytes of `dtype` to float32; undefined where there is none (8-bit floats). */
export function widener(dtype: Dtype): Widen | undefined {
  return WIDEN[dtype];
}
