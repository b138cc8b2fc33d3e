// Elementwise kernels work on whole vectors: blocks of the heap are padded, so the last vector may overhang a tensor.

/** y = condition ? a : b, with a byte for each condition. */
export function select32(begin: i32, end: i32, thread: i32, condition: usize, a: usize, b: usize, y: usize): void {
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 4;
    const bytes = v128.load32_zero(condition + (<usize>i << 2));
    const words = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
    v128.store(y + at, v128.bitselect(v128.load(a + at), v128.load(b + at), i32x4.ne(words, i32x4.splat(0))));
  }
}

const enum Cast { INT_TO_FLOAT, FLOAT_TO_INT, BOOL_TO_FLOAT, BOOL_TO_INT, FLOAT_TO_BOOL, INT_TO_BOOL }

/** Vectors [begin, end) from one type to another. */
export function cast(begin: i32, end: i32, thread: i32, kind: i32, x: usize, y: usize): void {
  for (let i = begin; i < end; i++) {
    const words = <usize>i << 4;
    const bytes = <usize>i << 2;
    if (kind == Cast.INT_TO_FLOAT) v128.store(y + words, f32x4.convert_i32x4_s(v128.load(x + words)));
    else if (kind == Cast.FLOAT_TO_INT) v128.store(y + words, i32x4.trunc_sat_f32x4_s(v128.load(x + words)));
    else if (kind >= Cast.FLOAT_TO_BOOL) {
      const sign = kind == Cast.FLOAT_TO_BOOL ? 0x7fffffff : -1; // -0 is false
      const bits = v128.and(v128.load(x + words), i32x4.splat(sign));
      const set = v128.and(i32x4.ne(bits, i32x4.splat(0)), i32x4.splat(1));
      const narrow = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(set, set), i16x8.splat(0));
      v128.store32_lane(y + bytes, narrow, 0);
    } else {
      const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(x + bytes)));
      v128.store(y + words, kind == Cast.BOOL_TO_FLOAT ? f32x4.convert_i32x4_s(wide) : wide);
    }
  }
}

/** Fills the vectors [begin, end) with one 32-bit word. */
export function fill32(begin: i32, end: i32, thread: i32, y: usize, bits: i32): void {
  const v = i32x4.splat(bits);
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) v128.store(y + at, v);
}
