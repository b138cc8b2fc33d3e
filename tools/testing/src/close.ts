import type * as tf from '@tensorflow/tfjs';

type Values = tf.Tensor | ArrayLike<number>;

const valuesOf = (x: Values): ArrayLike<number> => ('dataSync' in x ? x.dataSync() : x);

/** The largest absolute difference of two equally long lists of numbers; NaN anywhere gives Infinity. */
export function largestDifference(actual: Values, expected: Values): number {
  const a = valuesOf(actual);
  const b = valuesOf(expected);
  if (a.length !== b.length) throw new Error(`Expected ${b.length} values, got ${a.length}.`);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] as number) - (b[i] as number));
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    if (difference > largest) largest = difference;
  }
  return largest;
}

/** Fails when two lists of numbers differ anywhere by more than `tolerance`. */
export function expectClose(actual: Values, expected: Values, tolerance = 1e-5): void {
  const difference = largestDifference(actual, expected);
  if (difference > tolerance) {
    throw new Error(`The values differ by up to ${difference}, more than ${tolerance}.`);
  }
}
