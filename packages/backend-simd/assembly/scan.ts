import { splat, storePart } from './math';

const enum Scan { SUM, PROD, INT_SUM }

@inline
function step(op: i32, a: v128, b: v128): v128 {
  if (op == Scan.SUM) return f32x4.add(a, b);
  else if (op == Scan.PROD) return f32x4.mul(a, b);
  else return i32x4.add(a, b);
}

@inline
function column(op: i32, x: usize, y: usize, R: i32, n: i32, stride: isize, exclusive: i32): void {
  let sum = splat(op == Scan.PROD ? 1 : 0);
  for (let r = 0; r < R; r++) {
    const next = step(op, sum, v128.load(x));
    storePart(y, exclusive ? sum : next, n);
    sum = next;
    x += stride;
    y += stride;
  }
}

/** Blocks [begin, end) of an [A, C / 4] grid: running sums or products over R of [A,R,C], from the end where `reverse`. */
export function scan(
  begin: i32, end: i32, thread: i32, op: i32, x: usize, y: usize, R: i32, C: i32, exclusive: i32, reverse: i32,
): void {
  const blocks = (C + 3) >> 2;
  for (let item = begin; item < end; item++) {
    const a = item / blocks;
    const c = (item - a * blocks) << 2;
    const offset = (<usize>(a * R + (reverse ? R - 1 : 0)) * <usize>C + <usize>c) << 2;
    const stride = <isize>(reverse ? -C : C) << 2;
    if (op == Scan.SUM) column(Scan.SUM, x + offset, y + offset, R, C - c, stride, exclusive);
    else if (op == Scan.PROD) column(Scan.PROD, x + offset, y + offset, R, C - c, stride, exclusive);
    else column(Scan.INT_SUM, x + offset, y + offset, R, C - c, stride, exclusive);
  }
}
