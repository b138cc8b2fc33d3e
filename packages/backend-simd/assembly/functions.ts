import { exp4, expNegative4, log4, madd, splat } from './math';

// Functions that are rarer than those of math.ts.

/** e^x - 1: a series near 0, where the difference would lose its digits. */
@inline
export function expm1(x: v128): v128 {
  let p = madd(x, splat(0.0001984127), splat(0.0013888889)); // 1/7!, 1/6!, ...
  p = madd(p, x, splat(0.008333333));
  p = madd(p, x, splat(0.041666668));
  p = madd(p, x, splat(0.16666667));
  p = madd(p, x, splat(0.5));
  const near = madd(p, f32x4.mul(x, x), x);
  return v128.bitselect(near, f32x4.sub(exp4(x), splat(1)), f32x4.lt(f32x4.abs(x), splat(0.35)));
}

/** ln(1 + x): the logarithm of the rounded 1 + x, and what the rounding took away. */
@inline
export function log1p(x: v128): v128 {
  const u = f32x4.add(x, splat(1));
  const lost = f32x4.div(f32x4.sub(x, f32x4.sub(u, splat(1))), u);
  const finite = v128.and(f32x4.gt(x, splat(-1)), f32x4.lt(x, splat(1e6)));
  return f32x4.add(log4(u), v128.and(lost, finite));
}

/** ln(1 + e^x) */
@inline
export function softplus(x: v128): v128 {
  return f32x4.add(f32x4.max(x, splat(0)), log1p(expNegative4(f32x4.neg(f32x4.abs(x)))));
}

/**
 * Sine of x + quarters·pi/2. The nearest multiple of pi/2 is taken away in double precision; beyond 1e9, where floats lie
 * whole turns apart, what is left is only some number in [-1, 1].
 */
@inline
export function sin4(x: v128, quarters: i32): v128 {
  const low = f64x2.promote_low_f32x4(x);
  const high = f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 0));
  const n0 = f64x2.nearest(f64x2.mul(low, f64x2.splat(0.6366197723675814)));
  const n1 = f64x2.nearest(f64x2.mul(high, f64x2.splat(0.6366197723675814)));
  const all = v128.shuffle<i64>(f32x4.demote_f64x2_zero(rest(low, n0)), f32x4.demote_f64x2_zero(rest(high, n1)), 0, 2);
  const r = f32x4.max(f32x4.min(all, splat(0.7854)), splat(-0.7854));
  const n = v128.shuffle<i64>(i32x4.trunc_sat_f64x2_s_zero(n0), i32x4.trunc_sat_f64x2_s_zero(n1), 0, 2);
  const quadrant = i32x4.add(n, i32x4.splat(quarters));
  const s = f32x4.mul(r, r);
  let sine = madd(s, splat(2.7557319e-6), splat(-1.984127e-4)); // 1/9!, -1/7!, ...
  sine = madd(sine, s, splat(0.008333333));
  sine = madd(sine, s, splat(-0.16666667));
  sine = madd(f32x4.mul(sine, s), r, r);
  let cosine = madd(s, splat(2.4801587e-5), splat(-0.0013888889)); // 1/8!, -1/6!, ...
  cosine = madd(cosine, s, splat(0.041666668));
  cosine = madd(cosine, s, splat(-0.5));
  cosine = madd(cosine, s, splat(1));
  const odd = i32x4.ne(v128.and(quadrant, i32x4.splat(1)), i32x4.splat(0));
  const sign = i32x4.shl(v128.and(quadrant, i32x4.splat(2)), 30);
  return v128.xor(v128.bitselect(cosine, sine, odd), sign);
}

/** x - n·pi/2 */
@inline
function rest(x: v128, n: v128): v128 {
  const r = f64x2.sub(x, f64x2.mul(n, f64x2.splat(1.5707963267341256)));
  return f64x2.sub(r, f64x2.mul(n, f64x2.splat(6.077100506506192e-11)));
}

/** x^y as Math.pow has it, in double precision. */
export function power(x: f64, y: f64): f64 {
  const size = abs(y);
  if (size <= 64 && floor(y) == y) {
    let result: f64 = 1;
    let square = x;
    for (let n = <i32>size; n > 0; n >>= 1) {
      if (n & 1) result *= square;
      square *= square;
    }
    return y < 0 ? 1 / result : result;
  }
  if (x != x || y != y) return NaN;
  const base = abs(x);
  const whole = floor(y) == y;
  const sign: f64 = x < 0 && whole && floor(y * 0.5) * 2 != y ? -1 : 1;
  if (base == 0) return y > 0 ? 0 : Infinity * sign;
  if (base == Infinity) return y > 0 ? Infinity * sign : 0;
  if (x < 0 && !whole) return NaN;
  return sign * exponential(y * logarithm(base));
}

/** ln x by 2·artanh((m - 1) / (m + 1)) of the mantissa, within 1e-10; for x a positive float. */
@inline
function logarithm(x: f64): f64 {
  const bits = reinterpret<i64>(x) - 0x3fe6a09e667f3bcd; // the bits of sqrt(1/2)
  const exponent = bits >> 52;
  const m = reinterpret<f64>((bits & 0xfffffffffffff) + 0x3fe6a09e667f3bcd);
  const t = (m - 1) / (m + 1);
  const s = t * t;
  const series: f64 = 1 + s * (1.0 / 3 + s * (1.0 / 5 + s * (1.0 / 7 + s * (1.0 / 9 + s * (1.0 / 11)))));
  return <f64>exponent * 0.6931471805599453 + 2 * t * series;
}

@inline
function exponential(x: f64): f64 {
  if (x != x) return x;
  if (x > 89) return Infinity;
  if (x < -105) return 0;
  const n = nearest(x * 1.4426950408889634);
  const r = x - n * 0.6931471805599453;
  let p: f64 = 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1;
  p = p * r + 1;
  return p * reinterpret<f64>((<i64>n + 1023) << 52);
}
