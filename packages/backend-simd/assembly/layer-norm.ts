import { madd, splat, storePart, sum4 } from './math';
import { loadMasked, rowSum } from './rows';

/** Sum of squared distances from `mean`. */
@inline
export function rowSpread(x: usize, D: i32, mean: f32): f32 {
  const m = splat(mean);
  let s0 = splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let at = x;
  for (const stop = x + (<usize>(D & ~15) << 2); at < stop; at += 64) {
    const d0 = f32x4.sub(v128.load(at), m);
    const d1 = f32x4.sub(v128.load(at, 16), m);
    const d2 = f32x4.sub(v128.load(at, 32), m);
    const d3 = f32x4.sub(v128.load(at, 48), m);
    s0 = madd(d0, d0, s0);
    s1 = madd(d1, d1, s1);
    s2 = madd(d2, d2, s2);
    s3 = madd(d3, d3, s3);
  }
  for (let n = D & 15; n > 0; n -= 4) {
    const d = f32x4.sub(loadMasked(at, n, mean), m);
    s0 = madd(d, d, s0);
    at += 16;
  }
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

export function layerNorm(
  begin: i32, end: i32, thread: i32, x: usize, weight: usize, bias: usize, y: usize, D: i32, epsilon: f32,
): void {
  const row = <usize>D << 2;
  const whole = <usize>(D & ~3) << 2;
  for (let r = <usize>begin; r < <usize>end; r++) {
    const from = x + r * row;
    const to = y + r * row;
    const mean = rowSum(from, D) / <f32>D;
    const scale = splat(<f32>1 / sqrt(rowSpread(from, D, mean) / <f32>D + epsilon));
    const m = splat(mean);
    let at: usize = 0;
    for (; at < whole; at += 16) {
      const normed = f32x4.mul(f32x4.sub(v128.load(from + at), m), scale);
      v128.store(to + at, madd(normed, v128.load(weight + at), v128.load(bias + at)));
    }
    if (D & 3) {
      const normed = f32x4.mul(f32x4.sub(v128.load(from + at), m), scale);
      storePart(to + at, madd(normed, v128.load(weight + at), v128.load(bias + at)), D & 3);
    }
  }
}

/**
 * Blocks [begin, end) of `block` rows: dx, and for each block its share of dweight and dbias in
 * partial [blocks, 2, D], summed afterwards.
 */
export function layerNormGrad(
  begin: i32, end: i32, thread: i32,
  dy: usize, x: usize, weight: usize, dx: usize, partial: usize, rows: i32, block: i32, D: i32, epsilon: f32,
): void {
  const stride = <usize>D << 2;
  const inverse = <f32>1 / <f32>D;
  const whole = <usize>(D & ~3) << 2;
  const rest = D & 3;
  for (let item = begin; item < end; item++) {
    const dWeight = partial + <usize>item * 2 * stride;
    const dBias = dWeight + stride;
    for (let j = 0; j < 2 * D; j += 4) storePart(dWeight + (<usize>j << 2), splat(0), 2 * D - j);
    const stop = min(rows, (item + 1) * block);
    for (let r = item * block; r < stop; r++) {
      const from = x + <usize>r * stride;
      const gradient = dy + <usize>r * stride;
      const to = dx + <usize>r * stride;
      const mean = rowSum(from, D) * inverse;
      const rstd = <f32>1 / sqrt(rowSpread(from, D, mean) * inverse + epsilon);
      const m = splat(mean);
      const scale = splat(rstd);
      let sumG = splat(0);
      let sumGN = splat(0);
      let at: usize = 0;
      for (; at < whole; at += 16) {
        const normed = f32x4.mul(f32x4.sub(v128.load(from + at), m), scale);
        const d = v128.load(gradient + at);
        const g = f32x4.mul(d, v128.load(weight + at));
        sumG = f32x4.add(sumG, g);
        sumGN = madd(g, normed, sumGN);
        v128.store(dWeight + at, madd(d, normed, v128.load(dWeight + at)));
        v128.store(dBias + at, f32x4.add(d, v128.load(dBias + at)));
      }
      if (rest) {
        const normed = f32x4.mul(f32x4.sub(loadMasked(from + at, rest, mean), m), scale);
        const d = loadMasked(gradient + at, rest, 0);
        const g = f32x4.mul(d, loadMasked(weight + at, rest, 0));
        sumG = f32x4.add(sumG, g);
        sumGN = madd(g, normed, sumGN);
        storePart(dWeight + at, madd(d, normed, v128.load(dWeight + at)), rest);
        storePart(dBias + at, f32x4.add(d, v128.load(dBias + at)), rest);
      }
      const meanG = splat(sum4(sumG) * inverse);
      const meanGN = splat(sum4(sumGN) * -inverse);
      for (at = 0; at < whole; at += 16) {
        const normed = f32x4.mul(f32x4.sub(v128.load(from + at), m), scale);
        const g = f32x4.sub(f32x4.mul(v128.load(gradient + at), v128.load(weight + at)), meanG);
        v128.store(to + at, f32x4.mul(scale, madd(normed, meanGN, g)));
      }
      if (rest) {
        const normed = f32x4.mul(f32x4.sub(v128.load(from + at), m), scale);
        const g = f32x4.sub(f32x4.mul(v128.load(gradient + at), v128.load(weight + at)), meanG);
        storePart(to + at, f32x4.mul(scale, madd(normed, meanGN, g)), rest);
      }
    }
  }
}
