// Formats of packed weights, by the numbers of src/kernels/quantized.ts.

export const I8: i32 = 0;
export const Q8_0: i32 = 1;
export const Q4_0: i32 = 2;
export const Q4_1: i32 = 3;
export const Q4_K: i32 = 4;
export const Q6_K: i32 = 5;

/** Bytes of a row. */
export function rowBytes(format: i32, K: i32): usize {
  const k = <usize>K;
  switch (format) {
    case I8: return k;
    case Q8_0: return (k >> 5) * 34;
    case Q4_0: return (k >> 5) * 18;
    case Q4_1: return (k >> 5) * 20;
    case Q4_K: return (k >> 8) * 144;
    default: return (k >> 8) * 210;
  }
}
