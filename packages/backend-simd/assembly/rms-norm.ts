import { madd, splat, storePart, sum4 } from './math';
import { rowSpread } from './layer-norm';
import { loadMasked } from './rows';

/** 1 / sqrt(mean(x²) + epsilon) of a row. */
@inline
function inverseRms(x: usize, D: i32, epsilon: f32): f32 {
  return <f32>1 / sqrt(rowSpread(x, D, 0) / <f32>D + epsilon);
}

/** y = x / rms(x) · weight for the rows [begin, end) of [rows, D]. */
export function rmsNorm(
  begin: i32, end: i32, thread: i32, x: usize, weight: usize, y: usize, D: i32, epsilon: f32,
): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * <usize>D) << 2);
    const to = y + ((<usize>r * <usize>D) << 2);
    const scale = splat(inverseRms(from, D, epsilon));
    const whole = D & ~3;
    let j = 0;
    for (; j < whole; j += 4) v128.store(to + (<usize>j << 2), scaled(from, weight, j, scale));
    if (j < D) storePart(to + (<usize>j << 2), scaled(from, weight, j, scale), D - j);
  }
}

@inline
function scaled(x: usize, weight: usize, j: i32, scale: v128): v128 {
  const at = <usize>j << 2;
  return f32x4.mul(f32x4.mul(v128.load(x + at), scale), v128.load(weight + at));
}

/**
 * Blocks [begin, end) of `block` rows: dx, and for each block its share of dweight in partial [blocks, D], summed
 * afterwards. With n = x / rms and g = dy·weight: dx = (g - n·mean(g·n)) / rms.
 */
export function rmsNormGrad(
  begin: i32, end: i32, thread: i32,
  dy: usize, x: usize, weight: usize, dx: usize, partial: usize, rows: i32, block: i32, D: i32, epsilon: f32,
): void {
  const stride = <usize>D << 2;
  for (let item = begin; item < end; item++) {
    const dWeight = partial + <usize>item * stride;
    for (let j = 0; j < D; j += 4) storePart(dWeight + (<usize>j << 2), splat(0), D - j);
    const stop = min(rows, (item + 1) * block);
    for (let r = item * block; r < stop; r++) {
      const from = x + <usize>r * stride;
      const gradient = dy + <usize>r * stride;
      const to = dx + <usize>r * stride;
      const scale = splat(inverseRms(from, D, epsilon));
      let sum = splat(0);
      for (let j = 0; j < D; j += 4) {
        const at = <usize>j << 2;
        const n = D - j;
        const share = f32x4.mul(loadMasked(gradient + at, n, 0), f32x4.mul(loadMasked(from + at, n, 0), scale));
        sum = madd(share, loadMasked(weight + at, n, 0), sum);
        storePart(dWeight + at, f32x4.add(share, v128.load(dWeight + at)), n);
      }
      const mean = splat(-sum4(sum) / <f32>D);
      for (let j = 0; j < D; j += 4) {
        const at = <usize>j << 2;
        const normed = f32x4.mul(v128.load(from + at), scale);
        const g = f32x4.mul(v128.load(gradient + at), v128.load(weight + at));
        storePart(to + at, f32x4.mul(scale, madd(normed, mean, g)), D - j);
      }
    }
  }
}
