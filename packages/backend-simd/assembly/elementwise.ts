import { erf4, exp4, expNegative4, log4, madd, sigmoid4, splat, storePart, tanh4 } from './math';

// Elementwise kernels work on whole vectors: blocks of the heap are padded, so the last vector may overhang a tensor.

const enum Unary { NEG, EXP, LOG, SQRT, RSQRT, SQUARE, RELU, STEP, TANH, SIGMOID, ERF, ABS, RECIPROCAL }

@inline
function applyUnary(op: i32, x: v128, alpha: v128): v128 {
  if (op == Unary.NEG) return f32x4.neg(x);
  else if (op == Unary.EXP) return exp4(x);
  else if (op == Unary.LOG) return log4(x);
  else if (op == Unary.SQRT) return f32x4.sqrt(x);
  else if (op == Unary.RSQRT) return f32x4.div(splat(1), f32x4.sqrt(x));
  else if (op == Unary.SQUARE) return f32x4.mul(x, x);
  else if (op == Unary.RELU) return f32x4.max(x, splat(0));
  else if (op == Unary.STEP)
    return v128.bitselect(x, v128.bitselect(splat(1), alpha, f32x4.gt(x, splat(0))), f32x4.ne(x, x));
  else if (op == Unary.TANH) return tanh4(x);
  else if (op == Unary.SIGMOID) return sigmoid4(x);
  else if (op == Unary.ERF) return erf4(x);
  else if (op == Unary.ABS) return f32x4.abs(x);
  else return f32x4.div(splat(1), x);
}

@inline
function unaryLoop(op: i32, begin: i32, end: i32, x: usize, y: usize, alpha: v128): void {
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) v128.store(y + at, applyUnary(op, v128.load(x + at), alpha));
}

/** y = op(x) for the vectors [begin, end). `alpha` is Step's slope. */
export function unary(begin: i32, end: i32, thread: i32, op: i32, x: usize, y: usize, alpha: f32): void {
  const a = splat(alpha);
  if (op == Unary.NEG) unaryLoop(Unary.NEG, begin, end, x, y, a);
  else if (op == Unary.EXP) unaryLoop(Unary.EXP, begin, end, x, y, a);
  else if (op == Unary.LOG) unaryLoop(Unary.LOG, begin, end, x, y, a);
  else if (op == Unary.SQRT) unaryLoop(Unary.SQRT, begin, end, x, y, a);
  else if (op == Unary.RSQRT) unaryLoop(Unary.RSQRT, begin, end, x, y, a);
  else if (op == Unary.SQUARE) unaryLoop(Unary.SQUARE, begin, end, x, y, a);
  else if (op == Unary.RELU) unaryLoop(Unary.RELU, begin, end, x, y, a);
  else if (op == Unary.STEP) unaryLoop(Unary.STEP, begin, end, x, y, a);
  else if (op == Unary.TANH) unaryLoop(Unary.TANH, begin, end, x, y, a);
  else if (op == Unary.SIGMOID) unaryLoop(Unary.SIGMOID, begin, end, x, y, a);
  else if (op == Unary.ERF) unaryLoop(Unary.ERF, begin, end, x, y, a);
  else if (op == Unary.ABS) unaryLoop(Unary.ABS, begin, end, x, y, a);
  else unaryLoop(Unary.RECIPROCAL, begin, end, x, y, a);
}

const enum Binary { ADD, SUB, MUL, DIV, MAX, MIN, SQUARED_DIFFERENCE }

/** Comparisons follow on the others, first those of floats, then those of integers; true is a word of ones. */
const enum Compare { EQ = 7, NE, GT, GE, LT, LE, INT_EQ, INT_NE, INT_GT, INT_GE, INT_LT, INT_LE }

function applyCompare(op: i32, a: v128, b: v128): v128 {
  if (op == Compare.EQ) return f32x4.eq(a, b);
  else if (op == Compare.NE) return f32x4.ne(a, b);
  else if (op == Compare.GT) return f32x4.gt(a, b);
  else if (op == Compare.GE) return f32x4.ge(a, b);
  else if (op == Compare.LT) return f32x4.lt(a, b);
  else if (op == Compare.LE) return f32x4.le(a, b);
  else if (op == Compare.INT_EQ) return i32x4.eq(a, b);
  else if (op == Compare.INT_NE) return i32x4.ne(a, b);
  else if (op == Compare.INT_GT) return i32x4.gt_s(a, b);
  else if (op == Compare.INT_GE) return i32x4.ge_s(a, b);
  else if (op == Compare.INT_LT) return i32x4.lt_s(a, b);
  else return i32x4.le_s(a, b);
}

@inline
function applyBinary(op: i32, a: v128, b: v128): v128 {
  if (op == Binary.ADD) return f32x4.add(a, b);
  else if (op == Binary.SUB) return f32x4.sub(a, b);
  else if (op == Binary.MUL) return f32x4.mul(a, b);
  else if (op == Binary.DIV) return f32x4.div(a, b);
  else if (op == Binary.MAX) return f32x4.max(a, b);
  else if (op == Binary.MIN) return f32x4.min(a, b);
  else if (op >= Compare.EQ) return applyCompare(op, a, b);
  else {
    const d = f32x4.sub(a, b);
    return f32x4.mul(d, d);
  }
}

@inline
function row(op: i32, a: usize, b: usize, y: usize, n: i32, sa: i32, sb: i32): void {
  const whole = n & ~3;
  let j = 0;
  if (sa && sb) {
    for (; j < whole; j += 4) {
      const at = <usize>j << 2;
      v128.store(y + at, applyBinary(op, v128.load(a + at), v128.load(b + at)));
    }
    if (j < n) {
      const at = <usize>j << 2;
      storePart(y + at, applyBinary(op, v128.load(a + at), v128.load(b + at)), n - j);
    }
  } else if (sa) {
    const right = v128.load32_splat(b);
    for (; j < whole; j += 4) {
      const at = <usize>j << 2;
      v128.store(y + at, applyBinary(op, v128.load(a + at), right));
    }
    if (j < n) storePart(y + (<usize>j << 2), applyBinary(op, v128.load(a + (<usize>j << 2)), right), n - j);
  } else if (sb) {
    const left = v128.load32_splat(a);
    for (; j < whole; j += 4) {
      const at = <usize>j << 2;
      v128.store(y + at, applyBinary(op, left, v128.load(b + at)));
    }
    if (j < n) storePart(y + (<usize>j << 2), applyBinary(op, left, v128.load(b + (<usize>j << 2))), n - j);
  } else {
    const value = applyBinary(op, v128.load32_splat(a), v128.load32_splat(b));
    for (; j < n; j += 4) storePart(y + (<usize>j << 2), value, n - j);
  }
}

/**
 * Rows [begin, end) of y = op(a, b). `meta`: rank, then for each outer axis (the innermost last) its size and the
 * strides of a and b in elements; `width` is the row's length, `sa` and `sb` (0 or 1) the strides along it.
 */
@inline
function binaryLoop(
  op: i32, begin: i32, end: i32, meta: usize, a: usize, b: usize, y: usize, width: i32, sa: i32, sb: i32,
): void {
  const rank = load<i32>(meta);
  for (let r = begin; r < end; r++) {
    let rest = <u32>r;
    let offsetA: usize = 0;
    let offsetB: usize = 0;
    for (let axis = rank - 1; axis >= 0; axis--) {
      const entry = meta + 4 + <usize>axis * 12;
      const size = load<u32>(entry);
      const next = rest / size;
      const index = rest - next * size;
      offsetA += index * load<u32>(entry, 4);
      offsetB += index * load<u32>(entry, 8);
      rest = next;
    }
    row(op, a + (offsetA << 2), b + (offsetB << 2), y + ((<usize>r * <usize>width) << 2), width, sa, sb);
  }
}

export function binary(
  begin: i32, end: i32, thread: i32, op: i32, meta: usize, a: usize, b: usize, y: usize, width: i32, sa: i32, sb: i32,
): void {
  if (op == Binary.ADD) binaryLoop(Binary.ADD, begin, end, meta, a, b, y, width, sa, sb);
  else if (op == Binary.SUB) binaryLoop(Binary.SUB, begin, end, meta, a, b, y, width, sa, sb);
  else if (op == Binary.MUL) binaryLoop(Binary.MUL, begin, end, meta, a, b, y, width, sa, sb);
  else if (op == Binary.DIV) binaryLoop(Binary.DIV, begin, end, meta, a, b, y, width, sa, sb);
  else if (op == Binary.MAX) binaryLoop(Binary.MAX, begin, end, meta, a, b, y, width, sa, sb);
  else if (op == Binary.MIN) binaryLoop(Binary.MIN, begin, end, meta, a, b, y, width, sa, sb);
  else if (op >= Compare.EQ) binaryLoop(op, begin, end, meta, a, b, y, width, sa, sb);
  else binaryLoop(Binary.SQUARED_DIFFERENCE, begin, end, meta, a, b, y, width, sa, sb);
}

/** The vectors [begin, end) of y = op(a, b): both of one shape, or one of them a single element (`sa` or `sb` 0). */
@inline
function flatLoop(op: i32, begin: i32, end: i32, a: usize, b: usize, y: usize, sa: i32, sb: i32): void {
  const from = <usize>begin << 4;
  row(op, sa ? a + from : a, sb ? b + from : b, y + from, (end - begin) << 2, sa, sb);
}

export function binaryFlat(
  begin: i32, end: i32, thread: i32, op: i32, a: usize, b: usize, y: usize, sa: i32, sb: i32,
): void {
  if (op == Binary.ADD) flatLoop(Binary.ADD, begin, end, a, b, y, sa, sb);
  else if (op == Binary.SUB) flatLoop(Binary.SUB, begin, end, a, b, y, sa, sb);
  else if (op == Binary.MUL) flatLoop(Binary.MUL, begin, end, a, b, y, sa, sb);
  else if (op == Binary.DIV) flatLoop(Binary.DIV, begin, end, a, b, y, sa, sb);
  else if (op == Binary.MAX) flatLoop(Binary.MAX, begin, end, a, b, y, sa, sb);
  else if (op == Binary.MIN) flatLoop(Binary.MIN, begin, end, a, b, y, sa, sb);
  else if (op >= Compare.EQ) flatLoop(op, begin, end, a, b, y, sa, sb);
  else flatLoop(Binary.SQUARED_DIFFERENCE, begin, end, a, b, y, sa, sb);
}

const enum Gelu { ERF, TANH, QUICK }

@inline
function gelu4(kind: i32, x: v128): v128 {
  if (kind == Gelu.ERF) {
    const half = f32x4.mul(x, splat(0.5));
    return madd(half, erf4(f32x4.mul(x, splat(0.7071067811865476))), half);
  } else if (kind == Gelu.TANH) {
    const cubic = madd(f32x4.mul(f32x4.mul(x, x), splat(0.044715)), x, x);
    return f32x4.mul(x, sigmoid4(f32x4.mul(cubic, splat(1.5957691216057308)))); // (1 + tanh u) / 2 = sigmoid 2u
  } else return f32x4.mul(x, sigmoid4(f32x4.mul(x, splat(1.702))));
}

@inline
function geluSlope4(kind: i32, x: v128): v128 {
  if (kind == Gelu.ERF) {
    const cdf = madd(splat(0.5), erf4(f32x4.mul(x, splat(0.7071067811865476))), splat(0.5));
    const density = f32x4.mul(expNegative4(f32x4.mul(f32x4.mul(x, x), splat(-0.5))), splat(0.3989422804014327));
    return madd(x, density, cdf);
  } else if (kind == Gelu.TANH) {
    const s = f32x4.mul(x, x);
    const g = sigmoid4(f32x4.mul(madd(f32x4.mul(s, splat(0.044715)), x, x), splat(1.5957691216057308)));
    const inner = madd(s, splat(0.2140644488), splat(1.5957691216057308)); // d/dx of sigmoid's argument
    const slope = f32x4.mul(f32x4.mul(g, f32x4.sub(splat(1), g)), inner);
    return madd(x, slope, g);
  } else {
    const s = sigmoid4(f32x4.mul(x, splat(1.702)));
    return madd(f32x4.mul(f32x4.mul(x, splat(1.702)), s), f32x4.sub(splat(1), s), s);
  }
}

@inline
function geluLoop(kind: i32, begin: i32, end: i32, x: usize, y: usize): void {
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) v128.store(y + at, gelu4(kind, v128.load(x + at)));
}

@inline
function geluGradLoop(kind: i32, begin: i32, end: i32, dy: usize, x: usize, dx: usize): void {
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) {
    v128.store(dx + at, f32x4.mul(v128.load(dy + at), geluSlope4(kind, v128.load(x + at))));
  }
}

export function gelu(begin: i32, end: i32, thread: i32, kind: i32, x: usize, y: usize): void {
  if (kind == Gelu.ERF) geluLoop(Gelu.ERF, begin, end, x, y);
  else if (kind == Gelu.TANH) geluLoop(Gelu.TANH, begin, end, x, y);
  else geluLoop(Gelu.QUICK, begin, end, x, y);
}

export function geluGrad(begin: i32, end: i32, thread: i32, kind: i32, dy: usize, x: usize, dx: usize): void {
  if (kind == Gelu.ERF) geluGradLoop(Gelu.ERF, begin, end, dy, x, dx);
  else if (kind == Gelu.TANH) geluGradLoop(Gelu.TANH, begin, end, dy, x, dx);
  else geluGradLoop(Gelu.QUICK, begin, end, dy, x, dx);
}

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
