import { lanes, max4, splat, storePart, sum4 } from './math';

// Reductions of [A, R, C] over R.

const enum Reduce { SUM, MAX, MIN, PROD }

@inline
function identity(op: i32): v128 {
  return splat(op == Reduce.SUM ? 0 : op == Reduce.MAX ? -Infinity : op == Reduce.MIN ? Infinity : 1);
}

@inline
function combine(op: i32, a: v128, b: v128): v128 {
  if (op == Reduce.SUM) return f32x4.add(a, b);
  else if (op == Reduce.MAX) return f32x4.max(a, b);
  else if (op == Reduce.MIN) return f32x4.min(a, b);
  else return f32x4.mul(a, b);
}

@inline
function product4(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) * f32x4.extract_lane(v, 1) * (f32x4.extract_lane(v, 2) * f32x4.extract_lane(v, 3))
  );
}

@inline
function reduceRow(op: i32, x: usize, R: i32): f32 {
  let s0 = identity(op);
  let s1 = identity(op);
  let s2 = identity(op);
  let s3 = identity(op);
  let n = R;
  for (; n >= 16; n -= 16) {
    s0 = combine(op, s0, v128.load(x));
    s1 = combine(op, s1, v128.load(x, 16));
    s2 = combine(op, s2, v128.load(x, 32));
    s3 = combine(op, s3, v128.load(x, 48));
    x += 64;
  }
  for (; n > 0; n -= 4) {
    s0 = combine(op, s0, v128.bitselect(v128.load(x), identity(op), lanes(n)));
    x += 16;
  }
  s0 = combine(op, combine(op, s0, s1), combine(op, s2, s3));
  if (op == Reduce.SUM) return sum4(s0);
  else if (op == Reduce.MAX) return max4(s0);
  else if (op == Reduce.MIN) return -max4(f32x4.neg(s0));
  else return product4(s0);
}

/** Rows [begin, end) of R elements; of `total` elements in all, so that the last row may be shorter. */
export function reduceRows(
  begin: i32, end: i32, thread: i32, op: i32, x: usize, y: usize, R: i32, total: i32, scale: f32,
): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * <usize>R) << 2);
    const n = min(R, total - r * R);
    let s: f32;
    if (op == Reduce.SUM) s = reduceRow(Reduce.SUM, from, n) * scale;
    else if (op == Reduce.MAX) s = reduceRow(Reduce.MAX, from, n);
    else if (op == Reduce.MIN) s = reduceRow(Reduce.MIN, from, n);
    else s = reduceRow(Reduce.PROD, from, n);
    store<f32>(y + (<usize>r << 2), s);
  }
}

@inline
function reduceColumn(op: i32, x: usize, y: usize, R: i32, n: i32, stride: usize, scale: v128): void {
  let s0 = identity(op);
  let s1 = identity(op);
  let s2 = identity(op);
  let s3 = identity(op);
  for (let r = 0; r < R; r++) {
    s0 = combine(op, s0, v128.load(x));
    s1 = combine(op, s1, v128.load(x, 16));
    s2 = combine(op, s2, v128.load(x, 32));
    s3 = combine(op, s3, v128.load(x, 48));
    x += stride;
  }
  storePart(y, f32x4.mul(s0, scale), n);
  if (n > 4) storePart(y + 16, f32x4.mul(s1, scale), n - 4);
  if (n > 8) storePart(y + 32, f32x4.mul(s2, scale), n - 8);
  if (n > 12) storePart(y + 48, f32x4.mul(s3, scale), n - 12);
}

/** Blocks [begin, end) of a [A, C / 16] grid of 16 columns. */
export function reduceColumns(
  begin: i32, end: i32, thread: i32, op: i32, x: usize, y: usize, R: i32, C: i32, scale: f32,
): void {
  const blocks = (C + 15) >> 4;
  const stride = <usize>C << 2;
  for (let item = begin; item < end; item++) {
    const a = item / blocks;
    const column = (item - a * blocks) << 4;
    const from = x + <usize>a * <usize>R * stride + (<usize>column << 2);
    const to = y + <usize>a * stride + (<usize>column << 2);
    const n = C - column;
    if (op == Reduce.SUM) reduceColumn(Reduce.SUM, from, to, R, n, stride, splat(scale));
    else if (op == Reduce.MAX) reduceColumn(Reduce.MAX, from, to, R, n, stride, splat(1));
    else if (op == Reduce.MIN) reduceColumn(Reduce.MIN, from, to, R, n, stride, splat(1));
    else reduceColumn(Reduce.PROD, from, to, R, n, stride, splat(1));
  }
}
