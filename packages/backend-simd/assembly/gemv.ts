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
    const mask = lanes(k); // on both sides: what lies behind a row may be NaN
    s0 = madd(v128.and(v128.load(a), mask), v128.and(v128.load(b), mask), s0);
    a += 16;
    b += 16;
  }
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** Adds up each of four vectors: lane i is the sum of vector i. */
@inline
function sums(v0: v128, v1: v128, v2: v128, v3: v128): v128 {
  const a = f32x4.add(v128.shuffle<i32>(v0, v1, 0, 4, 1, 5), v128.shuffle<i32>(v0, v1, 2, 6, 3, 7));
  const b = f32x4.add(v128.shuffle<i32>(v2, v3, 0, 4, 1, 5), v128.shuffle<i32>(v2, v3, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
}

@inline
function putRow(c: usize, left: f32, right: f32, cols: i32, bias: usize, relu: i32): void {
  if (bias) {
    left += load<f32>(bias);
    if (cols > 1) right += load<f32>(bias, 4);
  }
  store<f32>(c, relu ? max(left, <f32>0) : left);
  if (cols > 1) store<f32>(c, relu ? max(right, <f32>0) : right, 4);
}

/** 3 or 4 rows of A by 2 rows of B, each K long. */
function dotTile(
  a0: usize, a1: usize, a2: usize, a3: usize, b0: usize, b1: usize, K: i32,
  c: usize, stride: usize, rows: i32, cols: i32, bias: usize, relu: i32,
): void {
  let l0 = splat(0);
  let l1 = splat(0);
  let l2 = splat(0);
  let l3 = splat(0);
  let r0 = splat(0);
  let r1 = splat(0);
  let r2 = splat(0);
  let r3 = splat(0);
  let l = splat(0);
  let r = splat(0);
  let s = splat(0);
  let k = K;
  for (; k >= 8; k -= 8) {
    l = v128.load(b0);
    r = v128.load(b1);
    s = v128.load(a0);
    l0 = madd(s, l, l0);
    r0 = madd(s, r, r0);
    s = v128.load(a1);
    l1 = madd(s, l, l1);
    r1 = madd(s, r, r1);
    s = v128.load(a2);
    l2 = madd(s, l, l2);
    r2 = madd(s, r, r2);
    s = v128.load(a3);
    l3 = madd(s, l, l3);
    r3 = madd(s, r, r3);
    l = v128.load(b0, 16);
    r = v128.load(b1, 16);
    s = v128.load(a0, 16);
    l0 = madd(s, l, l0);
    r0 = madd(s, r, r0);
    s = v128.load(a1, 16);
    l1 = madd(s, l, l1);
    r1 = madd(s, r, r1);
    s = v128.load(a2, 16);
    l2 = madd(s, l, l2);
    r2 = madd(s, r, r2);
    s = v128.load(a3, 16);
    l3 = madd(s, l, l3);
    r3 = madd(s, r, r3);
    a0 += 32;
    a1 += 32;
    a2 += 32;
    a3 += 32;
    b0 += 32;
    b1 += 32;
  }
  for (; k > 0; k -= 4) {
    const mask = lanes(k);
    l = v128.and(v128.load(b0), mask);
    r = v128.and(v128.load(b1), mask);
    s = v128.and(v128.load(a0), mask);
    l0 = madd(s, l, l0);
    r0 = madd(s, r, r0);
    s = v128.and(v128.load(a1), mask);
    l1 = madd(s, l, l1);
    r1 = madd(s, r, r1);
    s = v128.and(v128.load(a2), mask);
    l2 = madd(s, l, l2);
    r2 = madd(s, r, r2);
    s = v128.and(v128.load(a3), mask);
    l3 = madd(s, l, l3);
    r3 = madd(s, r, r3);
    a0 += 16;
    a1 += 16;
    a2 += 16;
    a3 += 16;
    b0 += 16;
    b1 += 16;
  }
  l = sums(l0, l1, l2, l3);
  r = sums(r0, r1, r2, r3);
  putRow(c, f32x4.extract_lane(l, 0), f32x4.extract_lane(r, 0), cols, bias, relu);
  putRow(c + stride, f32x4.extract_lane(l, 1), f32x4.extract_lane(r, 1), cols, bias, relu);
  putRow(c + 2 * stride, f32x4.extract_lane(l, 2), f32x4.extract_lane(r, 2), cols, bias, relu);
  if (rows > 3) putRow(c + 3 * stride, f32x4.extract_lane(l, 3), f32x4.extract_lane(r, 3), cols, bias, relu);
}

/** Pairs of columns [begin, end) of C = A·Bᵀ, A [M,K], B [N,K]. */
export function gemvRows(
  begin: i32, end: i32, thread: i32, a: usize, b: usize, c: usize, M: i32, N: i32, K: i32, bias: usize, relu: i32,
): void {
  const row = <usize>K << 2;
  const stride = <usize>N << 2;
  for (let item = begin; item < end; item++) {
    const n = item << 1;
    const cols = N - n;
    const b0 = b + <usize>n * row;
    const b1 = cols > 1 ? b0 + row : b0;
    const column = <usize>n << 2;
    for (let m = 0; m < M; m += 4) {
      const rows = M - m;
      const a0 = a + <usize>m * row;
      const to = c + <usize>m * stride + column;
      const extra = bias ? bias + column : 0;
      if (rows > 2) {
        const a3 = rows > 3 ? a0 + 3 * row : a0;
        dotTile(a0, a0 + row, a0 + 2 * row, a3, b0, b1, K, to, stride, rows, cols, extra, relu);
      } else {
        putRow(to, dot(a0, b0, K), dot(a0, b1, K), cols, extra, relu);
        if (rows > 1) putRow(to + stride, dot(a0 + row, b0, K), dot(a0 + row, b1, K), cols, extra, relu);
      }
    }
  }
}

/**
 * Columns of a piece of C = A·B. Of a few rows of B so long runs are read, one after the other: runs of 32 columns, whose sums
 * would stay in registers, stream at half the speed.
 */
const PIECE: i32 = 512;

/** c [columns] += a[0]·b[0] + … + a[3]·b[3], in this order, of rows of B that are `stride` bytes apart. */
@inline
function addFour(a: usize, b: usize, stride: usize, c: usize, columns: i32): void {
  const s0 = v128.load32_splat(a);
  const s1 = v128.load32_splat(a, 4);
  const s2 = v128.load32_splat(a, 8);
  const s3 = v128.load32_splat(a, 12);
  const b1 = b + stride;
  const b2 = b1 + stride;
  const b3 = b2 + stride;
  const stop = <usize>columns << 2;
  for (let at: usize = 0; at < stop; at += 16) {
    let v = madd(s0, v128.load(b + at), v128.load(c + at));
    v = madd(s1, v128.load(b1 + at), v);
    v = madd(s2, v128.load(b2 + at), v);
    v128.store(c + at, madd(s3, v128.load(b3 + at), v));
  }
}

/** Pieces [begin, end) of 512 columns of C = A·B, A [M,K], B [K,N]; B is read once. */
export function gemvColumns(
  begin: i32, end: i32, thread: i32, a: usize, b: usize, c: usize, M: i32, N: i32, K: i32, bias: usize, relu: i32,
): void {
  const stride = <usize>N << 2;
  const row = <usize>K << 2;
  for (let item = begin; item < end; item++) {
    const first = item * PIECE;
    const all = min(PIECE, N - first);
    const columns = all & ~3;
    const to = c + (<usize>first << 2);
    const from = b + (<usize>first << 2);
    for (let m = 0; m < M; m++) memory.fill(to + <usize>m * stride, 0, <usize>columns << 2);
    let k = 0;
    for (; k + 4 <= K; k += 4) {
      const at = from + <usize>k * stride;
      for (let m = 0; m < M; m++) {
        addFour(a + <usize>m * row + (<usize>k << 2), at, stride, to + <usize>m * stride, columns);
      }
    }
    for (; k < K; k++) {
      const at = from + <usize>k * stride;
      for (let m = 0; m < M; m++) {
        const s = v128.load32_splat(a + <usize>m * row + (<usize>k << 2));
        const out = to + <usize>m * stride;
        for (let j: usize = 0; j < <usize>columns << 2; j += 16) {
          v128.store(out + j, madd(s, v128.load(at + j), v128.load(out + j)));
        }
      }
    }
    const added = bias ? bias + (<usize>first << 2) : 0;
    for (let m = 0; m < M; m++) {
      const out = to + <usize>m * stride;
      if (bias || relu) {
        for (let j: usize = 0; j < <usize>columns << 2; j += 16) put(out + j, v128.load(out + j), 4, added, j, relu);
      }
      if (columns == all) continue;
      let v = splat(0);
      let at = from + (<usize>columns << 2);
      const x = a + <usize>m * row;
      for (let i: usize = 0; i < row; i += 4) {
        v = madd(v128.load32_splat(x + i), v128.load(at), v);
        at += stride;
      }
      put(out + (<usize>columns << 2), v, all - columns, added, <usize>columns << 2, relu);
    }
  }
}

@inline
function put(to: usize, v: v128, n: i32, bias: usize, column: usize, relu: i32): void {
  if (bias) v = f32x4.add(v, v128.load(bias + column));
  if (relu) v = f32x4.max(v, splat(0));
  storePart(to, v, n);
}
