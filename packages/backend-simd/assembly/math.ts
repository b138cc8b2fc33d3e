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

/** e^x within 1e-7 relative; below -86.6 exactly 0, so that masked scores cost no denormals. */
@inline
export function exp4(x: v128): v128 {
  const clamped = f32x4.max(f32x4.min(x, splat(89)), splat(-87));
  const n = f32x4.nearest(f32x4.mul(clamped, splat(1.44269504088896)));
  let r = madd(n, splat(-0.693359375), clamped);
  r = madd(n, splat(2.12194440e-4), r);
  let q = madd(r, splat(0.0013950486900284886), splat(0.008368887938559055));
  q = madd(q, r, splat(0.04166620597243309));
  q = madd(q, r, splat(0.166665181517601));
  q = madd(q, r, splat(0.5));
  q = madd(q, f32x4.mul(r, r), r);
  q = f32x4.add(q, splat(1));
  const half = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(126)), 23); // 2^(n-1): 2^128 is no float
  const y = f32x4.mul(f32x4.mul(q, half), splat(2));
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

@inline
function withSign(magnitude: v128, x: v128): v128 {
  return v128.or(magnitude, v128.and(x, i32x4.splat(0x80000000)));
}

@inline
export function tanh4(x: v128): v128 {
  const s = f32x4.mul(x, x);
  let q = madd(s, splat(-0.005660776514559984), splat(0.020601995289325714));
  q = madd(q, s, splat(-0.05372922495007515));
  q = madd(q, s, splat(0.13331328332424164));
  q = madd(q, s, splat(-0.33333277702331543));
  const near = madd(f32x4.mul(q, s), x, x);
  const t = f32x4.abs(x);
  const e = exp4(f32x4.add(t, t));
  const far = withSign(f32x4.sub(splat(1), f32x4.div(splat(2), f32x4.add(e, splat(1)))), x);
  return v128.bitselect(near, far, f32x4.lt(t, splat(0.625)));
}

@inline
export function sigmoid4(x: v128): v128 {
  return f32x4.div(splat(1), f32x4.add(splat(1), exp4(f32x4.neg(x))));
}

/** Near 0 an odd polynomial, elsewhere 1 - e^-p(|x|) with p fitted to -log erfc. */
@inline
export function erf4(x: v128): v128 {
  const s = f32x4.mul(x, x);
  let q = madd(s, splat(8.223985059885308e-05), splat(-0.0008108082110993564));
  q = madd(q, s, splat(0.005197991617023945));
  q = madd(q, s, splat(-0.026858186349272728));
  q = madd(q, s, splat(0.11283674091100693));
  q = madd(q, s, splat(-0.37612631916999817));
  q = madd(q, s, splat(1.128379225730896));
  const near = f32x4.mul(q, x);
  const t = f32x4.min(f32x4.abs(x), splat(4));
  let p = madd(t, splat(2.091034548357129e-05), splat(-0.00043231117888353765));
  p = madd(p, t, splat(0.00416056253015995));
  p = madd(p, t, splat(-0.02509158104658127));
  p = madd(p, t, splat(0.10823673754930496));
  p = madd(p, t, splat(0.6333865523338318));
  p = madd(p, t, splat(1.1294951438903809));
  p = madd(p, t, splat(-0.0001705600880086422));
  const far = withSign(f32x4.sub(splat(1), exp4(f32x4.neg(p))), x);
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), splat(0.92)));
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
