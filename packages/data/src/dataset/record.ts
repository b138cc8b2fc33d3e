import { float16ToFloat32, float32ToFloat16 } from '@blip2/tensor/safetensors';

/** Types in which a {@link FeatureCache} stores values. */
export type CacheDtype = 'float32' | 'float16' | 'uint8';

/** Converts values to bytes in the byte order of the machine, little-endian wherever Node runs. */
export function encodeRecord(values: ArrayLike<number>, dtype: CacheDtype): Uint8Array {
  if (dtype === 'uint8') return Uint8Array.from(values);
  const floats = Float32Array.from(values);
  return new Uint8Array(dtype === 'float16' ? float32ToFloat16(floats).buffer : floats.buffer);
}

/** Converts bytes, which must fill their buffer, to float32 values. */
export function decodeRecord(bytes: Uint8Array, dtype: CacheDtype): Float32Array {
  if (dtype === 'uint8') return Float32Array.from(bytes);
  if (dtype === 'float32') return new Float32Array(bytes.buffer);
  const values = new Float32Array(bytes.length / 2);
  float16ToFloat32(new Uint16Array(bytes.buffer), values);
  return values;
}
