import { splat } from './math';
import { float, halves, highNibbles, lowNibbles, plus, signed32, small16, small32, sums } from './quantized-blocks';

// A row of activations by four rows of the weight, a row a lane: `scale` and `sum` are of the activations' blocks.

/** 32 numbers of 4 bits, as Q4_0 and Q4_1 have them. */
@inline
function nibbles32(w: usize, x0: v128, x1: v128): v128 {
  const v = v128.load(w);
  return small32(lowNibbles(v), highNibbles(v), x0, x1);
}

export function quadI8(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, blocks: i32): v128 {
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

export function quadQ8_0(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, blocks: i32): v128 {
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

export function quadQ4_0(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, sum: usize, blocks: i32): v128 {
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

export function quadQ4_1(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, sum: usize, blocks: i32): v128 {
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

export function quadQ4_K(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, sum: usize, blocks: i32): v128 {
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

export function quadQ6_K(p0: usize, p1: usize, p2: usize, p3: usize, x: usize, scale: usize, sum: usize, blocks: i32): v128 {
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
