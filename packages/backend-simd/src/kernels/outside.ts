import type { StoredValues } from '../data.js';
import type { FastKernel } from './kernel.js';

/** A tensor of `shape` whose numbers stay where `stored` has them. */
const outside: FastKernel = ({ backend, attrs }) => {
  const { stored, shape } = attrs as unknown as { stored: StoredValues; shape: readonly number[] };
  return backend.outside(stored, shape);
};

export const outsideKernels: Record<string, FastKernel> = { Outside: outside };
