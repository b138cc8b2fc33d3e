// Half precision as float32, exact.

/**
 * Four halves, each in the low bits of its lane. A normal number gets the exponent of binary32; a subnormal one is 2^-14·(1 + f) less
 * 2^-14: not by a product of its bits, as products of subnormal numbers take a hundred times as long on some processors.
 */
@inline
export function widened(half: v128): v128 {
  const magnitude = v128.and(half, i32x4.splat(0x7fff));
  const shifted = i32x4.shl(magnitude, 13);
  const normal = i32x4.add(shifted, i32x4.splat(112 << 23));
  const small = f32x4.sub(i32x4.add(shifted, i32x4.splat(113 << 23)), i32x4.splat(113 << 23));
  const finite = v128.bitselect(small, normal, i32x4.lt_s(magnitude, i32x4.splat(0x400)));
  const special = v128.and(i32x4.gt_s(magnitude, i32x4.splat(0x7bff)), i32x4.splat(0x7f800000));
  const sign = i32x4.shl(v128.and(half, i32x4.splat(0x8000)), 16);
  return v128.or(v128.or(finite, special), sign);
}

/** Runs [begin, end) of 8 values: binary16, or bfloat16 where `short` is 1. The last run is whole in both arrays. */
export function widen(begin: i32, end: i32, thread: i32, short: i32, from: usize, to: usize): void {
  for (let i = begin; i < end; i++) {
    const halves = v128.load(from + (<usize>i << 4));
    const low = i32x4.extend_low_i16x8_u(halves);
    const high = i32x4.extend_high_i16x8_u(halves);
    const at = to + (<usize>i << 5);
    v128.store(at, short ? i32x4.shl(low, 16) : widened(low));
    v128.store(at, short ? i32x4.shl(high, 16) : widened(high), 16);
  }
}
