import { bfloat16ToFloat32, float16ToFloat32, float32ToFloat16 } from '../safetensors/half.js';

const all = (convert: (halves: Uint16Array, out: Float32Array) => void): Float32Array => {
  const values = new Float32Array(65536);
  convert(
    Uint16Array.from(values, (_, half) => half),
    values,
  );
  return values;
};
let binary16: Float32Array | undefined;
let bfloat16: Float32Array | undefined;

/** The value of each bit pattern of binary16. */
export function halfValues(): Float32Array {
  binary16 ??= all(float16ToFloat32);
  return binary16;
}

/** The value of each bit pattern of bfloat16. */
export function bfloatValues(): Float32Array {
  bfloat16 ??= all(bfloat16ToFloat32);
  return bfloat16;
}

const one = new Float32Array(1);

/** The bit pattern of binary16 that is nearest to a value. */
export function halfOf(value: number): number {
  one[0] = value;
  return float32ToFloat16(one)[0] as number;
}
