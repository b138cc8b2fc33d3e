import { splat } from './math';

// Rows of activations as int8 in blocks of 32 with a scale each, for products with packed weights. Of M rows with B blocks:
// M·B·32 bytes of whole numbers, M·B scales, and M·B·2 sums of 16 numbers.

/** Values of a block. */
export const BLOCK: i32 = 32;

@inline
export function blocksOf(K: i32): i32 {
  return (K + 31) >> 5;
}
@inline
export function scalesOf(x: usize, M: i32, K: i32): usize {
  return x + <usize>M * (<usize>blocksOf(K) << 5);
}
@inline
export function sumsOf(x: usize, M: i32, K: i32): usize {
  return x + <usize>M * <usize>blocksOf(K) * 36;
}

@inline
function rounded(v: v128, factor: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v, factor)));
}

@inline
function sumOf(q: v128): i32 {
  const pairs = i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(q));
  return (
    i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1) + i32x4.extract_lane(pairs, 2) + i32x4.extract_lane(pairs, 3)
  );
}

/** Below this a block is taken for zeros, as the inverse of its scale would be infinite. */
const LEAST: f32 = 1e-30;

/** A block at `x`; NaN and infinities become NaN by the scale. */
function block(x: usize, q: usize, scale: usize, sums: usize): void {
  const v0 = v128.load(x);
  const v1 = v128.load(x, 16);
  const v2 = v128.load(x, 32);
  const v3 = v128.load(x, 48);
  const v4 = v128.load(x, 64);
  const v5 = v128.load(x, 80);
  const v6 = v128.load(x, 96);
  const v7 = v128.load(x, 112);
  const m0 = f32x4.max(f32x4.max(f32x4.abs(v0), f32x4.abs(v1)), f32x4.max(f32x4.abs(v2), f32x4.abs(v3)));
  const m1 = f32x4.max(f32x4.max(f32x4.abs(v4), f32x4.abs(v5)), f32x4.max(f32x4.abs(v6), f32x4.abs(v7)));
  const m = f32x4.max(m0, m1);
  const most = max(
    max(f32x4.extract_lane(m, 0), f32x4.extract_lane(m, 1)),
    max(f32x4.extract_lane(m, 2), f32x4.extract_lane(m, 3)),
  );
  const zero = most < LEAST;
  const factor = splat(zero ? 0 : <f32>127 / most);
  store<f32>(scale, zero ? 0 : most / <f32>127);
  const low = i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(rounded(v0, factor), rounded(v1, factor)),
    i16x8.narrow_i32x4_s(rounded(v2, factor), rounded(v3, factor)),
  );
  const high = i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(rounded(v4, factor), rounded(v5, factor)),
    i16x8.narrow_i32x4_s(rounded(v6, factor), rounded(v7, factor)),
  );
  v128.store(q, low);
  v128.store(q, high, 16);
  store<i32>(sums, sumOf(low));
  store<i32>(sums, sumOf(high), 4);
}

/** Rows [begin, end) of x [M,K] to `to`; a last block that is not whole is filled up with zeros in 128 bytes at `tails` of each thread. */
export function quantizeActivations(
  begin: i32, end: i32, thread: i32, x: usize, to: usize, M: i32, K: i32, tails: usize,
): void {
  const blocks = blocksOf(K);
  const whole = K >> 5;
  const tail = tails + (<usize>thread << 7);
  for (let m = begin; m < end; m++) {
    const from = x + ((<usize>m * <usize>K) << 2);
    const first = <usize>m * <usize>blocks;
    let q = to + (first << 5);
    let scale = scalesOf(to, M, K) + (first << 2);
    let sums = sumsOf(to, M, K) + (first << 3);
    for (let b = 0; b < whole; b++) {
      block(from + (<usize>b << 7), q, scale, sums);
      q += 32;
      scale += 4;
      sums += 8;
    }
    if (blocks > whole) {
      memory.fill(tail, 0, 128);
      memory.copy(tail, from + (<usize>whole << 7), <usize>(K & 31) << 2);
      block(tail, q, scale, sums);
    }
  }
}
