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

/**
 * 2^n·e^r: adding 1.5·2^23 rounds x·log2(e) to the integer n, which then stands in the low bits.
 * For x in [-87, 89]; relative error 2e-7.
 */
@inline
function expInRange(x: v128, up: f32): v128 {
  const shifted = madd(x, splat(1.44269504088896), splat(12582912));
  const n = f32x4.sub(shifted, splat(12582912));
  let r = madd(n, splat(-0.693359375), x);
  r = madd(n, splat(2.12194440e-4), r);
  let q = madd(r, splat(0.008374722674489021), splat(0.041898854076862335));
  q = madd(q, r, splat(0.16666457056999207));
  q = madd(q, r, splat(0.49999141693115234));
  q = madd(q, f32x4.mul(r, r), f32x4.add(r, splat(1)));
  const power = i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(up == 1 ? 127 << 23 : 126 << 23));
  return f32x4.mul(q, power);
}

/** e^x; below -86.6 exactly 0, so that masked scores cost no denormals. */
@inline
export function exp4(x: v128): v128 {
  const clamped = f32x4.max(f32x4.min(x, splat(89)), splat(-86.6));
  const y = f32x4.mul(expInRange(clamped, 2), splat(2)); // 2^128 alone is no float
  return v128.andnot(y, f32x4.lt(x, splat(-86.6)));
}

/** e^x for x at most 0 (or NaN). */
@inline
export function expNegative4(x: v128): v128 {
  const y = expInRange(f32x4.max(x, splat(-86.6)), 1);
  return v128.andnot(y, f32x4.lt(x, splat(-86.6)));
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
  const t = f32x4.max(f32x4.min(x, splat(9)), splat(-9));
  const s = f32x4.mul(t, t);
  let p = madd(s, splat(1.8255555053747763e-11), splat(-1.278056860343213e-8));
  p = madd(p, s, splat(9.267465429729782e-6));
  p = madd(p, s, splat(0.0029207668267190456));
  p = madd(p, s, splat(0.1291923224925995));
  p = madd(p, s, splat(0.9999999403953552));
  let q = madd(s, splat(0.00022810087830293924), splat(0.02376318909227848));
  q = madd(q, s, splat(0.4625251591205597));
  q = madd(q, s, splat(1));
  return f32x4.div(f32x4.mul(p, t), q);
}

@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(splat(1), f32x4.add(splat(1), exp4(f32x4.neg(x))));
}

/** x·P(x²)/Q(x²), fitted up to 3.93, where erf rounds to 1. */
@inline
export function erf4(x: v128): v128 {
  const t = f32x4.max(f32x4.min(x, splat(3.93)), splat(-3.93));
  const s = f32x4.mul(t, t);
  let p = madd(s, splat(2.0363249865656207e-6), splat(0.00028476177249103785));
  p = madd(p, s, splat(0.0037895021960139275));
  p = madd(p, s, splat(0.052819740027189255));
  p = madd(p, s, splat(0.1910499781370163));
  p = madd(p, s, splat(1.1283791065216064));
  let q = madd(s, splat(3.794332587858662e-5), splat(0.0011671147076413035));
  q = madd(q, s, splat(0.015017404220998287));
  q = madd(q, s, splat(0.11436232179403305));
  q = madd(q, s, splat(0.5026463270187378));
  q = madd(q, s, splat(1));
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
