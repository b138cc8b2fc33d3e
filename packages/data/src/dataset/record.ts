import { float16ToFloat32, float32ToFloat16 } from '@blip2/tensor/safetensors';

export type CacheDtype = 'float32' | 'float16' | 'uint8';

/** Values as bytes; little endian, as every machine that runs this is. */
export function encodeRecord(values: ArrayLike<number>, dtype: CacheDtype): Uint8Array {
  if (dtype === 'uint8') return Uint8Array.from(values);
  const floats = Float32Array.from(values);
  return new Uint8Array(dtype === 'float16' ? float32ToFloat16(floats).buffer : floats.buffer);
}

/** Bytes that stand alone in their buffer as float32 values. */
export function decodeRecord(bytes: Uint8Array, dtype: CacheDtype): Float32Array {
  if (dtype === 'uint8') return Float32Array.from(bytes);
  if (dtype === 'float32') return new Float32Array(bytes.buffer);
  const values = new Float32Array(bytes.length / 2);
  float16ToFloat32(new Uint16Array(bytes.buffer), values);
  return values;
}
