import type { StoredValues } from '../weights.js';
import { DTYPE_BYTES, isDtype, widener } from './dtype.js';
import type { RawTensor } from './read.js';

/**
 * Wraps a raw tensor as values that stay in memory in the file's dtype and are converted to float32 where they are used.
 * @returns undefined for a dtype without conversion to float32, and for packed blocks
 */
export function storedValues({ dtype, shape, packed, bytes }: RawTensor): StoredValues | undefined {
  if (!isDtype(dtype) || packed === 'I8') return undefined;
  const widen = widener(dtype);
  const size = DTYPE_BYTES[dtype];
  return (
    widen && {
      length: shape.reduce((a, b) => a * b, 1),
      halves: dtype === 'F16' || dtype === 'BF16' ? { dtype, bytes } : undefined,
      fill: (target, begin) => widen(bytes.subarray(begin * size, (begin + target.length) * size), target),
    }
  );
}
