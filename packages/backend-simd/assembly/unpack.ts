import { splat, storePart } from './math';
import { I8, Q4_0, Q4_1, Q4_K, Q8_0, rowBytes } from './quantized-formats';
import { widened } from './widen';

// Packed rows as float32, with the roundings of packages/tensor/src/quantized/dequantize.ts.

export const F16: i32 = 6;
export const BF16: i32 = 7;

@inline
function half(p: usize): v128 {
  return widened(i32x4.splat(load<u16>(p)));
}

/** Four bytes at `p`, as numbers. */
@inline
function four(p: usize): v128 {
  const bytes = v128.load32_zero(p);
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(bytes)));
}

/** Four bytes from a vector's first word, unsigned. */
@inline
function fourOf(bytes: v128): v128 {
  return f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes)));
}

function bytesRow(p: usize, to: usize, K: i32, factor: v128): void {
  for (let k = 0; k < K; k += 4) storePart(to + (<usize>k << 2), f32x4.mul(four(p + k), factor), K - k);
}

function halvesRow(p: usize, to: usize, K: i32, short: bool): void {
  for (let k = 0; k < K; k += 4) {
    const bits = i32x4.extend_low_i16x8_u(v128.load64_zero(p + (<usize>k << 1)));
    storePart(to + (<usize>k << 2), short ? i32x4.shl(bits, 16) : widened(bits), K - k);
  }
}

@inline
function shifted(v: v128, factor: v128, offset: v128, zero: f32): v128 {
  const product = f32x4.mul(f32x4.sub(v, splat(zero)), factor);
  return zero ? product : f32x4.add(product, offset);
}

/** 32 values of 4 bits at `p`: (q - zero)·factor, or q·factor + offset where zero is 0. */
@inline
function nibbles(p: usize, to: usize, factor: v128, offset: v128, zero: f32): void {
  for (let i: usize = 0; i < 16; i += 4) {
    const bytes = v128.load32_zero(p + i);
    const low = fourOf(v128.and(bytes, i8x16.splat(15)));
    const high = fourOf(i8x16.shr_u(bytes, 4));
    v128.store(to + (i << 2), shifted(low, factor, offset, zero));
    v128.store(to + 64 + (i << 2), shifted(high, factor, offset, zero));
  }
}

/** A block of 256 of Q4_K. */
function blockQ4_K(p: usize, to: usize): void {
  const d = half(p);
  const m = half(p + 2);
  for (let part = 0; part < 8; part++) {
    const at = p + 4 + <usize>part;
    let scale: u32;
    let minimum: u32;
    if (part < 4) {
      scale = load<u8>(at) & 63;
      minimum = load<u8>(at, 4) & 63;
    } else {
      const both = <u32>load<u8>(at, 4);
      scale = (both & 15) | ((<u32>load<u8>(at - 4) >> 6) << 4);
      minimum = (both >> 4) | ((<u32>load<u8>(at) >> 6) << 4);
    }
    const factor = f32x4.mul(d, splat(<f32>scale));
    const offset = f32x4.mul(m, splat(<f32>minimum));
    const from = p + 16 + (<usize>(part >> 1) << 5);
    for (let i: usize = 0; i < 32; i += 4) {
      const bytes = v128.load32_zero(from + i);
      const q = fourOf(v128.and(i8x16.shr_u(bytes, (part & 1) << 2), i8x16.splat(15)));
      v128.store(to + (i << 2), f32x4.sub(f32x4.mul(factor, q), offset));
    }
    to += 128;
  }
}

/** A block of 256 of Q6_K. */
function blockQ6_K(p: usize, to: usize): void {
  const d = half(p + 208);
  for (let i = 0; i < 256; i += 4) {
    const side = <usize>(i >> 7);
    const quarter = (i >> 5) & 3;
    const l = <usize>(i & 31);
    const low = i8x16.shr_u(v128.load32_zero(p + (side << 6) + (<usize>(quarter & 1) << 5) + l), (quarter >> 1) << 2);
    const high = i8x16.shr_u(v128.load32_zero(p + 128 + (side << 5) + l), quarter << 1);
    const q = v128.or(v128.and(low, i8x16.splat(15)), i8x16.shl(v128.and(high, i8x16.splat(3)), 4));
    const factor = f32x4.mul(d, splat(<f32>load<i8>(p + 192 + <usize>(i >> 4))));
    v128.store(to + (<usize>i << 2), f32x4.mul(factor, f32x4.sub(fourOf(q), splat(32))));
  }
}

/**
 * Rows [begin, end) of y [rows,K]: row `first` + i of a packed weight, or row ids[i] where `ids` is not 0. `factors` [N] is of I8
 * alone.
 */
export function unpackRows(
  begin: i32, end: i32, thread: i32, format: i32, w: usize, factors: usize, ids: usize, first: i32, y: usize, K: i32,
): void {
  const bytes = format >= F16 ? <usize>K << 1 : rowBytes(format, K);
  for (let i = begin; i < end; i++) {
    const row = <usize>(ids ? load<i32>(ids + (<usize>i << 2)) : first + i);
    let p = w + row * bytes;
    let to = y + ((<usize>i * <usize>K) << 2);
    const stop = to + (<usize>K << 2);
    if (format == I8) bytesRow(p, to, K, splat(load<f32>(factors + (row << 2))));
    else if (format >= F16) halvesRow(p, to, K, format == BF16);
    else if (format == Q8_0) {
      for (; to < stop; to += 128, p += 34) bytesRow(p + 2, to, 32, half(p));
    } else if (format == Q4_0) {
      for (; to < stop; to += 128, p += 18) nibbles(p + 2, to, half(p), splat(0), 8);
    } else if (format == Q4_1) {
      for (; to < stop; to += 128, p += 20) nibbles(p + 4, to, half(p), half(p + 2), 0);
    } else if (format == Q4_K) {
      for (; to < stop; to += 1024, p += 144) blockQ4_K(p, to);
    } else {
      for (; to < stop; to += 1024, p += 210) blockQ6_K(p, to);
    }
  }
}
