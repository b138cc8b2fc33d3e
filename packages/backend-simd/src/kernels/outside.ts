import type { StoredValues } from '../data.js';
import type { FastKernel } from './kernel.js';

/** A tensor of `shape` whose numbers stay where `stored` has them, or int32 of `words`. */
const outside: FastKernel = ({ backend, attrs }) => {
  const { stored, words, shape } = attrs as unknown as Attributes;
  return backend.outside(words ?? stored, shape);
};

interface Attributes {
  readonly stored: StoredValues;
  /** In place of `stored`. */
  readonly words?: Int32Array;
  readonly shape: readonly number[];
}

export const outsideKernels: Record<string, FastKernel> = { Outside: outside };
