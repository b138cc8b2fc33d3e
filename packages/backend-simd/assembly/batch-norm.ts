import { madd, splat, storePart } from './math';

/** Vectors [begin, end) of y = scale / sqrt(variance + epsilon); `scale` 0 for ones. */
export function batchNormScale(
  begin: i32, end: i32, thread: i32, variance: usize, scale: usize, y: usize, epsilon: f32,
): void {
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) {
    const deviation = f32x4.sqrt(f32x4.add(v128.load(variance + at), splat(epsilon)));
    v128.store(y + at, f32x4.div(scale ? v128.load(scale + at) : splat(1), deviation));
  }
}

/** Columns of an item. */
const BLOCK: i32 = 1024;

/**
 * Items [begin, end) of a [rows, C / 1024] grid: y = (x - mean)·scale + offset of [rows, C]. The parameters are [C];
 * `offset` 0 for none.
 */
export function batchNorm(
  begin: i32, end: i32, thread: i32, x: usize, mean: usize, scale: usize, offset: usize, y: usize, C: i32,
): void {
  const blocks = (C + BLOCK - 1) / BLOCK;
  for (let item = begin; item < end; item++) {
    const r = item / blocks;
    const c0 = (item - r * blocks) * BLOCK;
    const c1 = min(C, c0 + BLOCK);
    const row = <usize>r * <usize>C << 2;
    for (let c = c0; c < c1; c += 4) {
      const at = <usize>c << 2;
      const centered = f32x4.sub(v128.load(x + row + at), v128.load(mean + at));
      const shift = offset ? v128.load(offset + at) : splat(0);
      storePart(y + row + at, madd(centered, v128.load(scale + at), shift), C - c);
    }
  }
}
