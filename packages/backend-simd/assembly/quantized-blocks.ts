import { widened } from './widen';

// Parts of the products of quantized.ts: whole numbers of a block, and how blocks are added up.

/** 32 signed bytes at `w` by 32 of the activations. */
@inline
export function signed32(w: usize, x0: v128, x1: v128, x2: v128, x3: v128): v128 {
  const left = i32x4.add(i32x4.dot_i16x8_s(v128.load8x8_s(w), x0), i32x4.dot_i16x8_s(v128.load8x8_s(w, 8), x1));
  const right = i32x4.add(i32x4.dot_i16x8_s(v128.load8x8_s(w, 16), x2), i32x4.dot_i16x8_s(v128.load8x8_s(w, 24), x3));
  return i32x4.add(left, right);
}

/**
 * 16 numbers from 0 to 63 by 16 of the activations, eight sums of pairs. The top bit of `w` is clear, so every engine's relaxed dot
 * is exact. Not the one that also adds up in 32 bits: V8 11.3 (Node 20) gives wrong sums where registers are few.
 */
@inline
function pairs(w: v128, x: v128): v128 {
  return i16x8.relaxed_dot_i8x16_i7x16_s(x, w);
}

/** 16 numbers from 0 to 63 by 16 of the activations. */
@inline
export function small16(w: v128, x: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.extadd_pairwise_i16x8_s(pairs(w, x));
  else {
    const low = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(w), i16x8.extend_low_i8x16_s(x));
    const high = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(w), i16x8.extend_high_i8x16_s(x));
    return i32x4.add(low, high);
  }
}

/** 32 numbers from 0 to 15 by 32 of the activations: sums of four stay within 16 bits. */
@inline
export function small32(w0: v128, w1: v128, x0: v128, x1: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.extadd_pairwise_i16x8_s(i16x8.add(pairs(w0, x0), pairs(w1, x1)));
  else return i32x4.add(small16(w0, x0), small16(w1, x1));
}

@inline
export function lowNibbles(w: v128): v128 {
  return v128.and(w, i8x16.splat(15));
}
@inline
export function highNibbles(w: v128): v128 {
  return i8x16.shr_u(w, 4);
}

/** Adds up each of four vectors: lane i is the sum of vector i. */
@inline
export function sums(v0: v128, v1: v128, v2: v128, v3: v128): v128 {
  const a = i32x4.add(v128.shuffle<i32>(v0, v1, 0, 4, 1, 5), v128.shuffle<i32>(v0, v1, 2, 6, 3, 7));
  const b = i32x4.add(v128.shuffle<i32>(v2, v3, 0, 4, 1, 5), v128.shuffle<i32>(v2, v3, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
}

/** The binary16 of each of four rows. */
@inline
export function halves(p0: usize, p1: usize, p2: usize, p3: usize): v128 {
  let v = i32x4.splat(0);
  v = v128.load16_lane(p0, v, 0);
  v = v128.load16_lane(p1, v, 2);
  v = v128.load16_lane(p2, v, 4);
  v = v128.load16_lane(p3, v, 6);
  return widened(v);
}

@inline
export function float(v: v128): v128 {
  return f32x4.convert_i32x4_s(v);
}

/** acc + sum·factor */
@inline
export function plus(acc: v128, sum: v128, factor: v128): v128 {
  return f32x4.add(acc, f32x4.mul(sum, factor));
}
