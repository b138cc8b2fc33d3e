import { scalesOf, sumsOf, blocksOf } from './activations';
import { splat, storePart } from './math';
import { widened } from './widen';

// Products of rows of activations, as int8 in blocks of 32 (activations.ts), with packed weights [N,K], read in place. Four rows
// of the weight go side by side, a row a lane. The sum of a block is a whole number, exact in any order; blocks are added up one
// after the other, in float32 by a multiplication and an addition each, never fused: so every build gives the same bits.

export const I8: i32 = 0;
export const Q8_0: i32 = 1;
export const Q4_0: i32 = 2;
export const Q4_1: i32 = 3;
export const Q4_K: i32 = 4;
export const Q6_K: i32 = 5;

/** Bytes of a row. */
export function rowBytes(format: i32, K: i32): usize {
  const k = <usize>K;
  switch (format) {
    case I8: return k;
    case Q8_0: return (k >> 5) * 34;
    case Q4_0: return (k >> 5) * 18;
    case Q4_1: return (k >> 5) * 20;
    case Q4_K: return (k >> 8) * 144;
    default: return (k >> 8) * 210;
  }
}

/** 32 signed bytes at `w` by 32 of the activations. */
@inline
function signed32(w: usize, x0: v128, x1: v128, x2: v128, x3: v128): v128 {
  const left = i32x4.add(i32x4.dot_i16x8_s(v128.load8x8_s(w), x0), i32x4.dot_i16x8_s(v128.load8x8_s(w, 8), x1));
  const right = i32x4.add(i32x4.dot_i16x8_s(v128.load8x8_s(w, 16), x2), i32x4.dot_i16x8_s(v128.load8x8_s(w, 24), x3));
  return i32x4.add(left, right);
}

/**
 * 16 numbers from 0 to 63 by 16 of the activations, eight sums of pairs. The top bit of `w` is clear, so every engine's relaxed dot
 * is exact. Not the one that also adds up in 32 bits: V8 11.3 (Node 20) gives wrong sums where registers are few.
 */
@inline
function pairs(w: v128, x: v128): v128 {
  return i16x8.relaxed_dot_i8x16_i7x16_s(x, w);
}

/** 16 numbers from 0 to 63 by 16 of the activations. */
@inline
function small16(w: v128, x: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.extadd_pairwise_i16x8_s(pairs(w, x));
  else {
    const low = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(w), i16x8.extend_low_i8x16_s(x));
    const high = i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(w), i16x8.extend_high_i8x16_s(x));
    return i32x4.add(low, high);
  }
}

/** 32 numbers from 0 to 15 by 32 of the activations: sums of four stay within 16 bits. */
@inline
function small32(w0: v128, w1: v128, x0: v128, x1: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.extadd_pairwise_i16x8_s(i16x8.add(pairs(w0, x0), pairs(w1, x1)));
  else return i32x4.add(small16(w0, x0), small16(w1, x1));
}

@inline
function lowNibbles(w: v128): v128 {
  return v128.and(w, i8x16.splat(15));
}
@inline
function highNibbles(w: v128): v128 {
  return i8x16.shr_u(w, 4);
}

/** Adds up each of four vectors: lane i is the sum of vector i. */
@inline
function sums(v0: v128, v1: v128, v2: v128, v3: v128): v128 {
  const a = i32x4.add(v128.shuffle<i32>(v0, v1, 0, 4, 1, 5), v128.shuffle<i32>(v0, v1, 2, 6, 3, 7));
  const b = i32x4.add(v128.shuffle<i32>(v2, v3, 0, 4, 1, 5), v128.shuffle<i32>(v2, v3, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i64>(a, b, 0, 2), v128.shuffle<i64>(a, b, 1, 3));
}

/** The binary16 of each of four rows. */
@inline
function halves(p0: usize, p1: usize, p2: usize, p3: usize): v128 {
  let v = i32x4.splat(0);
  v = v128.load16_lane(p0, v, 0);
  v = v128.load16_lane(p1, v, 2);
  v = v128.load16_lane(p2, v, 4);
  v = v128.load16_lane(p3, v, 6);
  return widened(v);
}

@inline
function float(v: v128): v128 {
  return f32x4.convert_i32x4_s(v);
}

/** acc + sum·factor */
@inline
function plus(acc: v128, sum: v128, factor: v128): v128 {
  return f32x4.add(acc, f32x4.mul(sum, factor));
}

function quadI8(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, blocks: i32): v128 {
  let acc = splat(0);
  for (let b = 0; b < blocks; b++) {
    const x0 = v128.load8x8_s(x);
    const x1 = v128.load8x8_s(x, 8);
    const x2 = v128.load8x8_s(x, 16);
    const x3 = v128.load8x8_s(x, 24);
    const total = sums(
      signed32(p0, x0, x1, x2, x3), signed32(p1, x0, x1, x2, x3), signed32(p2, x0, x1, x2, x3), signed32(p3, x0, x1, x2, x3),
    );
    acc = plus(acc, float(total), v128.load32_splat(scale));
    x += 32;
    scale += 4;
    p0 += 32;
    p1 += 32;
    p2 += 32;
    p3 += 32;
  }
  return acc;
}

function quadQ8_0(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, blocks: i32): v128 {
  let acc = splat(0);
  for (let b = 0; b < blocks; b++) {
    const x0 = v128.load8x8_s(x);
    const x1 = v128.load8x8_s(x, 8);
    const x2 = v128.load8x8_s(x, 16);
    const x3 = v128.load8x8_s(x, 24);
    const total = sums(
      signed32(p0 + 2, x0, x1, x2, x3), signed32(p1 + 2, x0, x1, x2, x3),
      signed32(p2 + 2, x0, x1, x2, x3), signed32(p3 + 2, x0, x1, x2, x3),
    );
    acc = plus(acc, float(total), f32x4.mul(halves(p0, p1, p2, p3), v128.load32_splat(scale)));
    x += 32;
    scale += 4;
    p0 += 34;
    p1 += 34;
    p2 += 34;
    p3 += 34;
  }
  return acc;
}

/** 32 numbers of 4 bits, as Q4_0 and Q4_1 have them. */
@inline
function nibbles32(w: usize, x0: v128, x1: v128): v128 {
  const v = v128.load(w);
  return small32(lowNibbles(v), highNibbles(v), x0, x1);
}

function quadQ4_0(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, sum: usize, blocks: i32): v128 {
  let acc = splat(0);
  for (let b = 0; b < blocks; b++) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    const total = sums(
      nibbles32(p0 + 2, x0, x1), nibbles32(p1 + 2, x0, x1), nibbles32(p2 + 2, x0, x1), nibbles32(p3 + 2, x0, x1),
    );
    const zero = i32x4.splat((load<i32>(sum) + load<i32>(sum, 4)) << 3);
    acc = plus(acc, float(i32x4.sub(total, zero)), f32x4.mul(halves(p0, p1, p2, p3), v128.load32_splat(scale)));
    x += 32;
    scale += 4;
    sum += 8;
    p0 += 18;
    p1 += 18;
    p2 += 18;
    p3 += 18;
  }
  return acc;
}

function quadQ4_1(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, sum: usize, blocks: i32): v128 {
  let acc = splat(0);
  for (let b = 0; b < blocks; b++) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    const total = sums(
      nibbles32(p0 + 4, x0, x1), nibbles32(p1 + 4, x0, x1), nibbles32(p2 + 4, x0, x1), nibbles32(p3 + 4, x0, x1),
    );
    const own = splat(<f32>(load<i32>(sum) + load<i32>(sum, 4)));
    const least = f32x4.mul(own, halves(p0 + 2, p1 + 2, p2 + 2, p3 + 2));
    acc = plus(acc, plus(least, float(total), halves(p0, p1, p2, p3)), v128.load32_splat(scale));
    x += 32;
    scale += 4;
    sum += 8;
    p0 += 20;
    p1 += 20;
    p2 += 20;
    p3 += 20;
  }
  return acc;
}

/** The bytes of the four rows, as numbers. */
@inline
function bytes(a: u32, b: u32, c: u32, d: u32): v128 {
  let v = i32x4.splat(a);
  v = i32x4.replace_lane(v, 1, b);
  v = i32x4.replace_lane(v, 2, c);
  return i32x4.replace_lane(v, 3, d);
}

/** The scale of a part of 32 of a block of Q4_K, whose scales are at `p`, and in the bits from 8 on its minimum. */
@inline
function partOf(p: usize, part: i32): u32 {
  const at = p + <usize>part;
  if (part < 4) return (load<u8>(at) & 63) | (<u32>(load<u8>(at, 4) & 63) << 8);
  const both = <u32>load<u8>(at, 4);
  const scale = (both & 15) | ((<u32>load<u8>(at - 4) >> 6) << 4);
  const minimum = (both >> 4) | ((<u32>load<u8>(at) >> 6) << 4);
  return scale | (minimum << 8);
}

/** 32 numbers of 4 bits of a part of Q4_K. */
@inline
function nibblesOfPart(w: usize, high: i32, x0: v128, x1: v128): v128 {
  const v0 = v128.load(w);
  const v1 = v128.load(w, 16);
  const w0 = high ? highNibbles(v0) : lowNibbles(v0);
  const w1 = high ? highNibbles(v1) : lowNibbles(v1);
  return small32(w0, w1, x0, x1);
}

function quadQ4_K(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, sum: usize, blocks: i32): v128 {
  let acc = splat(0);
  for (let b = 0; b < blocks; b += 8) {
    const d = halves(p0, p1, p2, p3);
    const m = halves(p0 + 2, p1 + 2, p2 + 2, p3 + 2);
    for (let part = 0; part < 8; part++) {
      const x0 = v128.load(x);
      const x1 = v128.load(x, 16);
      const from = 16 + (<usize>(part >> 1) << 5);
      const high = part & 1;
      const total = sums(
        nibblesOfPart(p0 + from, high, x0, x1), nibblesOfPart(p1 + from, high, x0, x1),
        nibblesOfPart(p2 + from, high, x0, x1), nibblesOfPart(p3 + from, high, x0, x1),
      );
      const parts = bytes(partOf(p0 + 4, part), partOf(p1 + 4, part), partOf(p2 + 4, part), partOf(p3 + 4, part));
      const factor = f32x4.mul(d, float(v128.and(parts, i32x4.splat(63))));
      const offset = f32x4.mul(m, float(i32x4.shr_u(parts, 8)));
      const own = splat(<f32>(load<i32>(sum) + load<i32>(sum, 4)));
      const term = f32x4.sub(f32x4.mul(float(total), factor), f32x4.mul(own, offset));
      acc = plus(acc, term, v128.load32_splat(scale));
      x += 32;
      scale += 4;
      sum += 8;
    }
    p0 += 144;
    p1 += 144;
    p2 += 144;
    p3 += 144;
  }
  return acc;
}

/** 16 numbers of 6 bits: the 16 from `i` on, of 256. */
@inline
function sixBits(p: usize, i: i32): v128 {
  const side = <usize>(i >> 7);
  const quarter = (i >> 5) & 3;
  const l = <usize>(i & 16);
  const four = v128.load(p + (side << 6) + (<usize>(quarter & 1) << 5) + l);
  const two = i8x16.shr_u(v128.load(p + 128 + (side << 5) + l), quarter << 1);
  const low = v128.and(i8x16.shr_u(four, (quarter >> 1) << 2), i8x16.splat(15));
  return v128.or(low, i8x16.shl(v128.and(two, i8x16.splat(3)), 4));
}

function quadQ6_K(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, sum: usize, blocks: i32): v128 {
  let acc = splat(0);
  for (let b = 0; b < blocks; b += 8) {
    const d = halves(p0 + 208, p1 + 208, p2 + 208, p3 + 208);
    for (let i = 0; i < 256; i += 16) {
      const own = v128.load(x);
      const total = sums(
        small16(sixBits(p0, i), own), small16(sixBits(p1, i), own),
        small16(sixBits(p2, i), own), small16(sixBits(p3, i), own),
      );
      const at = 192 + <usize>(i >> 4);
      const parts = bytes(load<i8>(p0 + at), load<i8>(p1 + at), load<i8>(p2 + at), load<i8>(p3 + at));
      const zero = i32x4.splat(load<i32>(sum) << 5);
      const factor = f32x4.mul(f32x4.mul(d, float(parts)), v128.load32_splat(scale));
      acc = plus(acc, float(i32x4.sub(total, zero)), factor);
      x += 16;
      sum += 4;
      if (i & 16) scale += 4;
    }
    p0 += 210;
    p1 += 210;
    p2 += 210;
    p3 += 210;
  }
  return acc;
}

/** The sums of the second of two rows; a function returns one vector. Each thread has its own. */
let second: v128 = i32x4(0, 0, 0, 0);

/** Two rows of x by four of the weight, whose bytes are widened once. */
function pairI8(
  p0: usize, p1: usize, p2: usize, p3: usize, x: usize, y: usize, scaleX: usize, scaleY: usize, blocks: i32,
): v128 {
  let accX = splat(0);
  let accY = splat(0);
  for (let b = 0; b < blocks; b++) {
    let x0 = i32x4.splat(0);
    let x1 = i32x4.splat(0);
    let x2 = i32x4.splat(0);
    let x3 = i32x4.splat(0);
    let y0 = i32x4.splat(0);
    let y1 = i32x4.splat(0);
    let y2 = i32x4.splat(0);
    let y3 = i32x4.splat(0);
    for (let at: usize = 0; at < 32; at += 16) {
      const a0 = v128.load8x8_s(x + at);
      const a1 = v128.load8x8_s(x + at, 8);
      const b0 = v128.load8x8_s(y + at);
      const b1 = v128.load8x8_s(y + at, 8);
      let low = v128.load8x8_s(p0 + at);
      let high = v128.load8x8_s(p0 + at, 8);
      x0 = i32x4.add(x0, i32x4.add(i32x4.dot_i16x8_s(low, a0), i32x4.dot_i16x8_s(high, a1)));
      y0 = i32x4.add(y0, i32x4.add(i32x4.dot_i16x8_s(low, b0), i32x4.dot_i16x8_s(high, b1)));
      low = v128.load8x8_s(p1 + at);
      high = v128.load8x8_s(p1 + at, 8);
      x1 = i32x4.add(x1, i32x4.add(i32x4.dot_i16x8_s(low, a0), i32x4.dot_i16x8_s(high, a1)));
      y1 = i32x4.add(y1, i32x4.add(i32x4.dot_i16x8_s(low, b0), i32x4.dot_i16x8_s(high, b1)));
      low = v128.load8x8_s(p2 + at);
      high = v128.load8x8_s(p2 + at, 8);
      x2 = i32x4.add(x2, i32x4.add(i32x4.dot_i16x8_s(low, a0), i32x4.dot_i16x8_s(high, a1)));
      y2 = i32x4.add(y2, i32x4.add(i32x4.dot_i16x8_s(low, b0), i32x4.dot_i16x8_s(high, b1)));
      low = v128.load8x8_s(p3 + at);
      high = v128.load8x8_s(p3 + at, 8);
      x3 = i32x4.add(x3, i32x4.add(i32x4.dot_i16x8_s(low, a0), i32x4.dot_i16x8_s(high, a1)));
      y3 = i32x4.add(y3, i32x4.add(i32x4.dot_i16x8_s(low, b0), i32x4.dot_i16x8_s(high, b1)));
    }
    accX = plus(accX, float(sums(x0, x1, x2, x3)), v128.load32_splat(scaleX));
    accY = plus(accY, float(sums(y0, y1, y2, y3)), v128.load32_splat(scaleY));
    x += 32;
    y += 32;
    scaleX += 4;
    scaleY += 4;
    p0 += 32;
    p1 += 32;
    p2 += 32;
    p3 += 32;
  }
  second = accY;
  return accX;
}

/** As `pairI8`, of 4 bits. */
function pairQ4_0(
  p0: usize, p1: usize, p2: usize, p3: usize,
  x: usize, y: usize, scaleX: usize, scaleY: usize, sumX: usize, sumY: usize, blocks: i32,
): v128 {
  let accX = splat(0);
  let accY = splat(0);
  for (let b = 0; b < blocks; b++) {
    const a0 = v128.load(x);
    const a1 = v128.load(x, 16);
    const b0 = v128.load(y);
    const b1 = v128.load(y, 16);
    let v = v128.load(p0, 2);
    const x0 = small32(lowNibbles(v), highNibbles(v), a0, a1);
    const y0 = small32(lowNibbles(v), highNibbles(v), b0, b1);
    v = v128.load(p1, 2);
    const x1 = small32(lowNibbles(v), highNibbles(v), a0, a1);
    const y1 = small32(lowNibbles(v), highNibbles(v), b0, b1);
    v = v128.load(p2, 2);
    const x2 = small32(lowNibbles(v), highNibbles(v), a0, a1);
    const y2 = small32(lowNibbles(v), highNibbles(v), b0, b1);
    v = v128.load(p3, 2);
    const x3 = small32(lowNibbles(v), highNibbles(v), a0, a1);
    const y3 = small32(lowNibbles(v), highNibbles(v), b0, b1);
    const factors = halves(p0, p1, p2, p3);
    const zeroX = i32x4.splat((load<i32>(sumX) + load<i32>(sumX, 4)) << 3);
    const zeroY = i32x4.splat((load<i32>(sumY) + load<i32>(sumY, 4)) << 3);
    const totalX = i32x4.sub(sums(x0, x1, x2, x3), zeroX);
    const totalY = i32x4.sub(sums(y0, y1, y2, y3), zeroY);
    accX = plus(accX, float(totalX), f32x4.mul(factors, v128.load32_splat(scaleX)));
    accY = plus(accY, float(totalY), f32x4.mul(factors, v128.load32_splat(scaleY)));
    x += 32;
    y += 32;
    scaleX += 4;
    scaleY += 4;
    sumX += 8;
    sumY += 8;
    p0 += 18;
    p1 += 18;
    p2 += 18;
    p3 += 18;
  }
  second = accY;
  return accX;
}

/** Rows of the weight of an item of work. */
const ITEM: i32 = 16;

/** What of a row of y is multiplied and added, and stored: four columns from byte `column` of a row on, of which there are `rows`. */
@inline
function finish(
  v: v128, y: usize, at: usize, column: usize, rows: i32, factors: usize, bias: usize, residual: usize,
): void {
  if (factors) v = f32x4.mul(v, v128.load(factors + column));
  if (bias) v = f32x4.add(v, v128.load(bias + column));
  if (residual) v = f32x4.add(v, v128.load(residual + at));
  storePart(y + at, v, rows);
}

/**
 * Items [begin, end) of 16 columns of y [M,N] = x [M,K] · wᵀ + bias + residual; x as activations.ts has it, `factors` [N] of
 * I8 alone; bias and residual are 0 for none.
 */
export function quantizedProduct(
  begin: i32, end: i32, thread: i32,
  format: i32, w: usize, factors: usize, x: usize, y: usize, M: i32, N: i32, K: i32, bias: usize, residual: usize,
): void {
  const bytes = rowBytes(format, K);
  const blocks = blocksOf(K);
  const scales = scalesOf(x, M, K);
  const blockSums = sumsOf(x, M, K);
  const factorsOfRows = format == I8 ? factors : 0;
  const width = <usize>N << 2;
  const paired = format == I8 || format == Q4_0 ? M & ~1 : 0;
  for (let item = begin; item < end; item++) {
    const last = min(N, (item + 1) * ITEM);
    for (let m = 0; m < paired; m += 2) {
      const first = <usize>m * <usize>blocks;
      const next = first + <usize>blocks;
      const x0 = x + (first << 5);
      const x1 = x + (next << 5);
      const s0 = scales + (first << 2);
      const s1 = scales + (next << 2);
      for (let n = item * ITEM; n < last; n += 4) {
        const rows = last - n;
        const p0 = w + <usize>n * bytes;
        const p1 = rows > 1 ? p0 + bytes : p0;
        const p2 = rows > 2 ? p1 + bytes : p0;
        const p3 = rows > 3 ? p2 + bytes : p0;
        let v = splat(0);
        if (format == I8) v = pairI8(p0, p1, p2, p3, x0, x1, s0, s1, blocks);
        else {
          const z0 = blockSums + (first << 3);
          v = pairQ4_0(p0, p1, p2, p3, x0, x1, s0, s1, z0, blockSums + (next << 3), blocks);
        }
        const column = <usize>n << 2;
        const at = <usize>m * width + column;
        finish(v, y, at, column, rows, factorsOfRows, bias, residual);
        finish(second, y, at + width, column, rows, factorsOfRows, bias, residual);
      }
    }
    for (let m = paired; m < M; m++) {
      const first = <usize>m * <usize>blocks;
      const own = x + (first << 5);
      const scale = scales + (first << 2);
      const sum = blockSums + (first << 3);
      for (let n = item * ITEM; n < last; n += 4) {
        const rows = last - n;
        const p0 = w + <usize>n * bytes;
        const p1 = rows > 1 ? p0 + bytes : p0;
        const p2 = rows > 2 ? p1 + bytes : p0;
        const p3 = rows > 3 ? p2 + bytes : p0;
        let v = splat(0);
        switch (format) {
          case I8: v = quadI8(p0, p1, p2, p3, own, scale, blocks); break;
          case Q8_0: v = quadQ8_0(p0, p1, p2, p3, own, scale, blocks); break;
          case Q4_0: v = quadQ4_0(p0, p1, p2, p3, own, scale, sum, blocks); break;
          case Q4_1: v = quadQ4_1(p0, p1, p2, p3, own, scale, sum, blocks); break;
          case Q4_K: v = quadQ4_K(p0, p1, p2, p3, own, scale, sum, blocks); break;
          default: v = quadQ6_K(p0, p1, p2, p3, own, scale, sum, blocks);
        }
        const column = <usize>n << 2;
        finish(v, y, <usize>m * width + column, column, rows, factorsOfRows, bias, residual);
      }
    }
  }
}
