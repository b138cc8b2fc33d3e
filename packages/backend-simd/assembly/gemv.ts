import { lanes, madd, splat, storePart, sum4 } from './math';

// Products with few rows, bound by the bytes of B: B is read once, in place.

@inline
function dot(a: usize, b: usize, K: i32): f32 {
  let s0 = splat(0);
  let s1 = splat(0);
  let s2 = splat(0);
  let s3 = splat(0);
  let k = K;
  for (; k >= 16; k -= 16) {
    s0 = madd(v128.load(a), v128.load(b), s0);
    s1 = madd(v128.load(a, 16), v128.load(b, 16), s1);
    s2 = madd(v128.load(a, 32), v128.load(b, 32), s2);
    s3 = madd(v128.load(a, 48), v128.load(b, 48), s3);
    a += 64;
    b += 64;
  }
  for (; k > 0; k -= 4) {
    const m = lanes(k);
    s0 = madd(v128.and(v128.load(a), m), v128.and(v128.load(b), m), s0);
    a += 16;
    b += 16;
  }
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** Columns [begin, end) of C = A·Bᵀ, A [M,K], B [N,K]. */
export function gemvRows(
  begin: i32, end: i32, thread: i32, a: usize, b: usize, c: usize, M: i32, N: i32, K: i32, bias: usize, relu: i32,
): void {
  for (let n = begin; n < end; n++) {
    const row = b + ((<usize>n * <usize>K) << 2);
    const extra = bias ? load<f32>(bias + (<usize>n << 2)) : <f32>0;
    for (let m = 0; m < M; m++) {
      let y = dot(a + ((<usize>m * <usize>K) << 2), row, K) + extra;
      if (relu) y = max(y, <f32>0);
      store<f32>(c + ((<usize>m * <usize>N + <usize>n) << 2), y);
    }
  }
}

/** Blocks [begin, end) of 32 columns of C = A·B, A [M,K], B [K,N]. */
export function gemvColumns(
  begin: i32, end: i32, thread: i32, a: usize, b: usize, c: usize, M: i32, N: i32, K: i32, bias: usize, relu: i32,
): void {
  const stride = <usize>N << 2;
  for (let item = begin; item < end; item++) {
    const j = item << 5;
    const column = <usize>j << 2;
    for (let m = 0; m < M; m++) {
      let v0 = splat(0);
      let v1 = splat(0);
      let v2 = splat(0);
      let v3 = splat(0);
      let v4 = splat(0);
      let v5 = splat(0);
      let v6 = splat(0);
      let v7 = splat(0);
      let at = b + column;
      let x = a + ((<usize>m * <usize>K) << 2);
      for (let k = 0; k < K; k++) {
        const s = v128.load32_splat(x);
        v0 = madd(s, v128.load(at), v0);
        v1 = madd(s, v128.load(at, 16), v1);
        v2 = madd(s, v128.load(at, 32), v2);
        v3 = madd(s, v128.load(at, 48), v3);
        v4 = madd(s, v128.load(at, 64), v4);
        v5 = madd(s, v128.load(at, 80), v5);
        v6 = madd(s, v128.load(at, 96), v6);
        v7 = madd(s, v128.load(at, 112), v7);
        at += stride;
        x += 4;
      }
      const to = c + <usize>m * stride + column;
      const n = N - j;
      put(to, v0, n, bias, column, relu);
      put(to + 16, v1, n - 4, bias, column + 16, relu);
      put(to + 32, v2, n - 8, bias, column + 32, relu);
      put(to + 48, v3, n - 12, bias, column + 48, relu);
      put(to + 64, v4, n - 16, bias, column + 64, relu);
      put(to + 80, v5, n - 20, bias, column + 80, relu);
      put(to + 96, v6, n - 24, bias, column + 96, relu);
      put(to + 112, v7, n - 28, bias, column + 112, relu);
    }
  }
}

@inline
function put(to: usize, v: v128, n: i32, bias: usize, column: usize, relu: i32): void {
  if (n <= 0) return;
  if (bias) v = f32x4.add(v, v128.load(bias + column));
  if (relu) v = f32x4.max(v, splat(0));
  storePart(to, v, n);
}
