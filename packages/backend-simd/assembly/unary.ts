import { expm1, log1p, sin4, softplus } from './functions';
import { erf4, exp4, log4, sigmoid4, splat, tanh4 } from './math';

/** Of floats, but NOT, which is of bytes. */
const enum Unary {
  NEG, EXP, LOG, SQRT, RSQRT, SQUARE, RELU, STEP, TANH, SIGMOID, ERF, ABS, RECIPROCAL, CEIL, FLOOR, ROUND,
  SIGN, SIN, COS, EXPM1, LOG1P, SOFTPLUS, ELU, SELU, LEAKY_RELU, CLIP, NOT,
}

@inline
function step4(x: v128, alpha: v128): v128 {
  return v128.bitselect(x, v128.bitselect(splat(1), alpha, f32x4.gt(x, splat(0))), f32x4.ne(x, x));
}

@inline
function sign4(x: v128): v128 {
  return v128.or(v128.and(f32x4.gt(x, splat(0)), splat(1)), v128.and(f32x4.lt(x, splat(0)), splat(-1)));
}

@inline
function elu4(x: v128, scale: v128): v128 {
  return v128.bitselect(x, f32x4.mul(expm1(x), scale), f32x4.ge(x, splat(0)));
}

@inline
function applyUnary(op: i32, x: v128, alpha: v128, beta: v128): v128 {
  if (op == Unary.NEG) return f32x4.neg(x);
  else if (op == Unary.EXP) return exp4(x);
  else if (op == Unary.LOG) return log4(x);
  else if (op == Unary.SQRT) return f32x4.sqrt(x);
  else if (op == Unary.RSQRT) return f32x4.div(splat(1), f32x4.sqrt(x));
  else if (op == Unary.SQUARE) return f32x4.mul(x, x);
  else if (op == Unary.RELU) return f32x4.max(x, splat(0));
  else if (op == Unary.STEP) return step4(x, alpha);
  else if (op == Unary.TANH) return tanh4(x);
  else if (op == Unary.SIGMOID) return sigmoid4(x);
  else if (op == Unary.ERF) return erf4(x);
  else if (op == Unary.ABS) return f32x4.abs(x);
  else if (op == Unary.RECIPROCAL) return f32x4.div(splat(1), x);
  else if (op == Unary.CEIL) return f32x4.ceil(x);
  else if (op == Unary.FLOOR) return f32x4.floor(x);
  else if (op == Unary.ROUND) return f32x4.nearest(x);
  else if (op == Unary.SIGN) return sign4(x);
  else if (op == Unary.SIN) return sin4(x, 0);
  else if (op == Unary.COS) return sin4(x, 1);
  else if (op == Unary.EXPM1) return expm1(x);
  else if (op == Unary.LOG1P) return log1p(x);
  else if (op == Unary.SOFTPLUS) return softplus(x);
  else if (op == Unary.ELU) return elu4(x, splat(1));
  else if (op == Unary.SELU) return f32x4.mul(elu4(x, beta), alpha);
  else if (op == Unary.LEAKY_RELU) return v128.bitselect(f32x4.mul(x, alpha), x, f32x4.lt(x, splat(0)));
  else if (op == Unary.CLIP) return f32x4.min(f32x4.max(x, alpha), beta);
  else return v128.and(i8x16.eq(x, i8x16.splat(0)), i8x16.splat(1));
}

@inline
function unaryLoop(op: i32, begin: i32, end: i32, x: usize, y: usize, alpha: v128, beta: v128): void {
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) {
    v128.store(y + at, applyUnary(op, v128.load(x + at), alpha, beta));
  }
}

/**
 * y = op(x) for the vectors [begin, end). `alpha` is the slope of Step and LeakyRelu, Clip's least and Selu's scale; `beta`
 * is Clip's most and Selu's alpha.
 */
export function unary(
  begin: i32, end: i32, thread: i32, op: i32, x: usize, y: usize, alpha: f32, beta: f32,
): void {
  const a = splat(alpha);
  const b = splat(beta);
  if (op == Unary.NEG) unaryLoop(Unary.NEG, begin, end, x, y, a, b);
  else if (op == Unary.EXP) unaryLoop(Unary.EXP, begin, end, x, y, a, b);
  else if (op == Unary.LOG) unaryLoop(Unary.LOG, begin, end, x, y, a, b);
  else if (op == Unary.SQRT) unaryLoop(Unary.SQRT, begin, end, x, y, a, b);
  else if (op == Unary.RSQRT) unaryLoop(Unary.RSQRT, begin, end, x, y, a, b);
  else if (op == Unary.SQUARE) unaryLoop(Unary.SQUARE, begin, end, x, y, a, b);
  else if (op == Unary.RELU) unaryLoop(Unary.RELU, begin, end, x, y, a, b);
  else if (op == Unary.STEP) unaryLoop(Unary.STEP, begin, end, x, y, a, b);
  else if (op == Unary.TANH) unaryLoop(Unary.TANH, begin, end, x, y, a, b);
  else if (op == Unary.SIGMOID) unaryLoop(Unary.SIGMOID, begin, end, x, y, a, b);
  else if (op == Unary.ERF) unaryLoop(Unary.ERF, begin, end, x, y, a, b);
  else if (op == Unary.ABS) unaryLoop(Unary.ABS, begin, end, x, y, a, b);
  else if (op == Unary.RECIPROCAL) unaryLoop(Unary.RECIPROCAL, begin, end, x, y, a, b);
  else if (op == Unary.CEIL) unaryLoop(Unary.CEIL, begin, end, x, y, a, b);
  else if (op == Unary.FLOOR) unaryLoop(Unary.FLOOR, begin, end, x, y, a, b);
  else if (op == Unary.ROUND) unaryLoop(Unary.ROUND, begin, end, x, y, a, b);
  else if (op == Unary.SIGN) unaryLoop(Unary.SIGN, begin, end, x, y, a, b);
  else if (op == Unary.SIN) unaryLoop(Unary.SIN, begin, end, x, y, a, b);
  else if (op == Unary.COS) unaryLoop(Unary.COS, begin, end, x, y, a, b);
  else if (op == Unary.EXPM1) unaryLoop(Unary.EXPM1, begin, end, x, y, a, b);
  else if (op == Unary.LOG1P) unaryLoop(Unary.LOG1P, begin, end, x, y, a, b);
  else if (op == Unary.SOFTPLUS) unaryLoop(Unary.SOFTPLUS, begin, end, x, y, a, b);
  else if (op == Unary.ELU) unaryLoop(Unary.ELU, begin, end, x, y, a, b);
  else if (op == Unary.SELU) unaryLoop(Unary.SELU, begin, end, x, y, a, b);
  else if (op == Unary.LEAKY_RELU) unaryLoop(Unary.LEAKY_RELU, begin, end, x, y, a, b);
  else if (op == Unary.CLIP) unaryLoop(Unary.CLIP, begin, end, x, y, a, b);
  else unaryLoop(Unary.NOT, begin, end, x, y, a, b);
}
