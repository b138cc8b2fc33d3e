import { madd, storePart } from './math';

/** y = (x - mean)·scale + offset for the rows [begin, end) of [rows, C]; the parameters are [C]. */
export function batchNorm(
  begin: i32, end: i32, thread: i32, x: usize, mean: usize, scale: usize, offset: usize, y: usize, C: i32,
): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * <usize>C) << 2);
    const to = y + ((<usize>r * <usize>C) << 2);
    for (let c = 0; c < C; c += 4) {
      const at = <usize>c << 2;
      const centred = f32x4.sub(v128.load(from + at), v128.load(mean + at));
      storePart(to + at, madd(centred, v128.load(scale + at), v128.load(offset + at)), C - c);
    }
  }
}
