import { power } from './functions';
import { splat, storePart } from './math';

const enum Binary { ADD, SUB, MUL, DIV, MAX, MIN, SQUARED_DIFFERENCE }

/**
 * Rarer ones follow: comparisons of floats, then of integers, and logic on words (true is a word of ones); then others of
 * floats, and arithmetic of integers.
 */
const enum Rare {
  EQ = 7, NE, GT, GE, LT, LE, INT_EQ, INT_NE, INT_GT, INT_GE, INT_LT, INT_LE, AND, OR,
  POW, PRELU, ELU_GRAD, INT_ADD, INT_SUB, INT_MUL, INT_MAX, INT_MIN,
}

function applyRare(op: i32, a: v128, b: v128): v128 {
  if (op == Rare.EQ) return f32x4.eq(a, b);
  else if (op == Rare.NE) return f32x4.ne(a, b);
  else if (op == Rare.GT) return f32x4.gt(a, b);
  else if (op == Rare.GE) return f32x4.ge(a, b);
  else if (op == Rare.LT) return f32x4.lt(a, b);
  else if (op == Rare.LE) return f32x4.le(a, b);
  else if (op == Rare.INT_EQ) return i32x4.eq(a, b);
  else if (op == Rare.INT_NE) return i32x4.ne(a, b);
  else if (op == Rare.INT_GT) return i32x4.gt_s(a, b);
  else if (op == Rare.INT_GE) return i32x4.ge_s(a, b);
  else if (op == Rare.INT_LT) return i32x4.lt_s(a, b);
  else if (op == Rare.INT_LE) return i32x4.le_s(a, b);
  else if (op == Rare.AND) return v128.and(i32x4.ne(a, i32x4.splat(0)), i32x4.ne(b, i32x4.splat(0)));
  else if (op == Rare.OR) return i32x4.ne(v128.or(a, b), i32x4.splat(0));
  else if (op == Rare.POW) return power4(a, b);
  else if (op == Rare.PRELU) return v128.bitselect(f32x4.mul(a, b), a, f32x4.lt(a, splat(0)));
  else if (op == Rare.ELU_GRAD) {
    return v128.bitselect(a, f32x4.mul(a, f32x4.add(b, splat(1))), f32x4.ge(b, splat(0))); // a is dy, b is y
  } else if (op == Rare.INT_ADD) return i32x4.add(a, b);
  else if (op == Rare.INT_SUB) return i32x4.sub(a, b);
  else if (op == Rare.INT_MUL) return i32x4.mul(a, b);
  else if (op == Rare.INT_MAX) return i32x4.max_s(a, b);
  else return i32x4.min_s(a, b);
}

/** Whole powers of one exponent for all are products of floats; others are taken one by one. */
function power4(a: v128, b: v128): v128 {
  const exponent = f32x4.extract_lane(b, 0);
  const size = abs(exponent);
  if (size <= 8 && floor(size) == size && i32x4.all_true(f32x4.eq(b, splat(exponent)))) {
    let result = splat(1);
    for (let n = <i32>size; n > 0; n--) result = f32x4.mul(result, a);
    return exponent < 0 ? f32x4.div(splat(1), result) : result;
  }
  let y = splat(<f32>power(f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0)));
  y = f32x4.replace_lane(y, 1, <f32>power(f32x4.extract_lane(a, 1), f32x4.extract_lane(b, 1)));
  y = f32x4.replace_lane(y, 2, <f32>power(f32x4.extract_lane(a, 2), f32x4.extract_lane(b, 2)));
  return f32x4.replace_lane(y, 3, <f32>power(f32x4.extract_lane(a, 3), f32x4.extract_lane(b, 3)));
}

@inline
function applyBinary(op: i32, a: v128, b: v128): v128 {
  if (op == Binary.ADD) return f32x4.add(a, b);
  else if (op == Binary.SUB) return f32x4.sub(a, b);
  else if (op == Binary.MUL) return f32x4.mul(a, b);
  else if (op == Binary.DIV) return f32x4.div(a, b);
  else if (op == Binary.MAX) return f32x4.max(a, b);
  else if (op == Binary.MIN) return f32x4.min(a, b);
  else if (op >= Rare.EQ) return applyRare(op, a, b);
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
  else if (op >= Rare.EQ) binaryLoop(op, begin, end, meta, a, b, y, width, sa, sb);
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
  else if (op >= Rare.EQ) flatLoop(op, begin, end, a, b, y, sa, sb);
  else flatLoop(Binary.SQUARED_DIFFERENCE, begin, end, a, b, y, sa, sb);
}
