import {
  ERF_LEAST, ERF_MOST, ERF_P1, ERF_P11, ERF_P3, ERF_P5, ERF_P7, ERF_P9, ERF_Q10, ERF_Q2, ERF_Q4, ERF_Q6, ERF_Q8,
  EXPONENT, EXP_2, EXP_3, EXP_4, EXP_5, EXP_LEAST, EXP_MOST, LN2_HIGH, LN2_LOW, LOG2_E, ONE, ROUND, TANH_LEAST,
  TANH_MOST, TANH_P1, TANH_P11, TANH_P3, TANH_P5, TANH_P7, TANH_P9, TANH_Q2, TANH_Q4, TANH_Q6,
} from './constants';

// Four floats at a time. The polynomials are least-squares minimax fits of the functions named beside them.

/** a·b + c, fused where the build has relaxed SIMD. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  else return f32x4.add(f32x4.mul(a, b), c);
}

@inline
export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

/** MurmurHash3's finalizer. */
@inline
export function mix4(h: v128): v128 {
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x85ebca6b));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 13)), i32x4.splat(0xc2b2ae35));
  return v128.xor(h, i32x4.shr_u(h, 16));
}

/** The lesser of two, in one instruction; x where it is NaN. */
@inline
export function atMost(x: v128, most: v128): v128 {
  return f32x4.pmin(x, most);
}

/** The greater of two, in one instruction; x where it is NaN. */
@inline
export function atLeast(x: v128, least: v128): v128 {
  return f32x4.pmax(x, least);
}

/**
 * 2^n·e^r: adding 1.5·2^23 rounds x·log2(e) to the integer n, which then stands in the low bits.
 * For x in [-87, 89]; relative error 2e-7.
 */
@inline
function expInRange(x: v128, exponent: v128): v128 {
  const shifted = madd(x, LOG2_E, ROUND);
  const n = f32x4.sub(shifted, ROUND);
  let r = madd(n, LN2_HIGH, x);
  r = madd(n, LN2_LOW, r);
  let q = madd(r, EXP_5, EXP_4);
  q = madd(q, r, EXP_3);
  q = madd(q, r, EXP_2);
  q = madd(q, f32x4.mul(r, r), f32x4.add(r, ONE));
  return f32x4.mul(q, i32x4.add(i32x4.shl(shifted, 23), exponent));
}

/** e^x; below -86.6 exactly 0, so that masked scores cost no denormals. */
@inline
export function exp4(x: v128): v128 {
  const clamped = atLeast(atMost(x, EXP_MOST), EXP_LEAST);
  const half = expInRange(clamped, i32x4.splat(126 << 23)); // 2^128 alone is no float
  return v128.andnot(f32x4.add(half, half), f32x4.lt(x, EXP_LEAST));
}

/** e^x for x at most 0 (or NaN). */
@inline
export function expNegative4(x: v128): v128 {
  return v128.andnot(expInRange(atLeast(x, EXP_LEAST), EXPONENT), f32x4.lt(x, EXP_LEAST));
}

/** Natural logarithm within 1e-7 relative. */
@inline
export function log4(x: v128): v128 {
  const small = f32x4.lt(x, splat(1.17549435e-38));
  const y = v128.bitselect(f32x4.mul(x, splat(8388608)), x, small);
  const shifted = i32x4.sub(y, i32x4.splat(0x3f3504f3)); // the bits of sqrt(1/2)
  const exponent = i32x4.shr_s(shifted, 23);
  const f = f32x4.sub(i32x4.sub(y, i32x4.shl(exponent, 23)), splat(1)); // in [sqrt(1/2) - 1, sqrt(2) - 1]
  const n = f32x4.sub(f32x4.convert_i32x4_s(exponent), v128.and(small, splat(23)));
  let q = madd(f, splat(-0.07860881835222244), splat(0.1288348287343979));
  q = madd(q, f, splat(-0.13129116594791412));
  q = madd(q, f, splat(0.1418095976114273));
  q = madd(q, f, splat(-0.1662449687719345));
  q = madd(q, f, splat(0.20002295076847076));
  q = madd(q, f, splat(-0.25000810623168945));
  q = madd(q, f, splat(0.33333316445350647));
  const f2 = f32x4.mul(f, f);
  let r = f32x4.mul(q, f32x4.mul(f2, f));
  r = madd(n, splat(-2.12194440e-4), r);
  r = madd(f2, splat(-0.5), r);
  r = f32x4.add(f, r);
  r = madd(n, splat(0.693359375), r);
  r = v128.bitselect(x, r, f32x4.ge(x, splat(Infinity)));
  r = v128.bitselect(splat(-Infinity), r, f32x4.eq(x, splat(0)));
  return v128.or(r, v128.not(f32x4.ge(x, splat(0)))); // all bits set is NaN: x < 0 or NaN
}

/** x·P(x²)/Q(x²), fitted up to 9, where tanh rounds to 1. */
@inline
export function tanh4(x: v128): v128 {
  const t = atLeast(atMost(x, TANH_MOST), TANH_LEAST);
  const s = f32x4.mul(t, t);
  let p = madd(s, TANH_P11, TANH_P9);
  p = madd(p, s, TANH_P7);
  p = madd(p, s, TANH_P5);
  p = madd(p, s, TANH_P3);
  p = madd(p, s, TANH_P1);
  let q = madd(s, TANH_Q6, TANH_Q4);
  q = madd(q, s, TANH_Q2);
  q = madd(q, s, ONE);
  return f32x4.div(f32x4.mul(p, t), q);
}

@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(ONE, f32x4.add(ONE, exp4(f32x4.neg(x))));
}

/** x·P(x²)/Q(x²), fitted up to 3.93, where erf rounds to 1. */
@inline
export function erf4(x: v128): v128 {
  const t = atLeast(atMost(x, ERF_MOST), ERF_LEAST);
  const s = f32x4.mul(t, t);
  let p = madd(s, ERF_P11, ERF_P9);
  p = madd(p, s, ERF_P7);
  p = madd(p, s, ERF_P5);
  p = madd(p, s, ERF_P3);
  p = madd(p, s, ERF_P1);
  let q = madd(s, ERF_Q10, ERF_Q8);
  q = madd(q, s, ERF_Q6);
  q = madd(q, s, ERF_Q4);
  q = madd(q, s, ERF_Q2);
  q = madd(q, s, ONE);
  return f32x4.div(f32x4.mul(p, t), q);
}

@inline
export function sum4(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}

@inline
export function max4(v: v128): f32 {
  return max(
    max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** All bits set in the first `n` lanes. */
@inline
export function lanes(n: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n));
}

/** Stores the first `n` (1 to 4) lanes. */
@inline
export function storePart(at: usize, v: v128, n: i32): void {
  if (n >= 4) {
    v128.store(at, v);
  } else {
    v128.store32_lane(at, v, 0);
    if (n > 1) v128.store32_lane(at + 4, v, 1);
    if (n > 2) v128.store32_lane(at + 8, v, 2);
  }
}
