// Half precision as float32, exact.

/** 2^112: what the exponents of binary16 and binary32 differ by. */
const REBASE: f32 = 5.192296858534828e33;

/** Four halves, each in the low bits of its lane. A normal or subnormal number is its bits as float32, times 2^112. */
@inline
function widened(half: v128): v128 {
  const magnitude = v128.and(half, i32x4.splat(0x7fff));
  const finite = f32x4.mul(i32x4.shl(magnitude, 13), f32x4.splat(REBASE));
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
