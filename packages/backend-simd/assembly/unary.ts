import { erf4, exp4, log4, sigmoid4, splat, tanh4 } from './math';

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
