/** Turns values that end in as many of half precision into float32, where they lie. */
export type WidenLent = (dtype: 'F16' | 'BF16') => void;

const known = new WeakMap<Float32Array, WidenLent>();

/** Remembers that the backend which lent the memory of `values` widens them itself, faster than JavaScript. */
export const setWidenLent = (values: Float32Array, widen: WidenLent): void => void known.set(values, widen);

/** Returns how the backend widens `values`; undefined for memory that no backend lent. */
export const widenLent = (values: Float32Array): WidenLent | undefined => known.get(values);
