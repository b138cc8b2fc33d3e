import { lanes, madd, splat, sum4 } from './math';
import { widened } from './widen';

// Products of a few float32 rows with weights in half precision, read in place, in the order of the sums of gemv.ts.

@inline
function floats(p: usize, short: i32): v128 {
  const bits = i32x4.extend_low_i16x8_u(v128.load64_zero(p));
  return short ? i32x4.shl(bits, 16) : widened(bits);
}

@inline
function dot(x: usize, w: usize, K: i32, short: i32): f32 {
  let s0 = splat(0);
  let s1 = splat(0);
  let s2 = splat(0);
  let s3 = splat(0);
  let k = K;
  for (; k >= 16; k -= 16) {
    s0 = madd(v128.load(x), floats(w, short), s0);
    s1 = madd(v128.load(x, 16), floats(w + 8, short), s1);
    s2 = madd(v128.load(x, 32), floats(w + 16, short), s2);
    s3 = madd(v128.load(x, 48), floats(w + 24, short), s3);
    x += 64;
    w += 32;
  }
  for (; k > 0; k -= 4) {
    const mask = lanes(k);
    s0 = madd(v128.and(v128.load(x), mask), v128.and(floats(w, short), mask), s0);
    x += 16;
    w += 8;
  }
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/**
 * Columns [begin, end) of y [M,N] = x [M,K] · wᵀ + bias + residual; w [N,K] in binary16, or bfloat16 where `short` is 1; bias and
 * residual are 0 for none.
 */
export function halfProduct(
  begin: i32, end: i32, thread: i32, short: i32, w: usize, x: usize, y: usize, M: i32, N: i32, K: i32, bias: usize, residual: usize,
): void {
  const row = <usize>K << 1;
  for (let n = begin; n < end; n++) {
    const own = w + <usize>n * row;
    const column = <usize>n << 2;
    for (let m = 0; m < M; m++) {
      const from = x + ((<usize>m * <usize>K) << 2);
      const at = ((<usize>m * <usize>N) << 2) + column;
      let v = short ? dot(from, own, K, 1) : dot(from, own, K, 0);
      if (bias) v += load<f32>(bias + column);
      if (residual) v += load<f32>(residual + at);
      store<f32>(y + at, v);
    }
  }
}
