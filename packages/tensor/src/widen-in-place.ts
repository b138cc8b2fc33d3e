/** Turns values that end in as many of half precision into float32, in place. */
export type WidenInPlace = (dtype: 'F16' | 'BF16') => void;

const known = new WeakMap<Float32Array, WidenInPlace>();

/** Remembers how the backend that lent the memory of `values` widens them, faster than JavaScript: sources are only given the values. */
export const setWidenInPlace = (values: Float32Array, widen: WidenInPlace): void => void known.set(values, widen);

/** Returns how a backend widens `values`; undefined for memory that none lent. */
export const widenInPlaceOf = (values: Float32Array): WidenInPlace | undefined => known.get(values);
