import { DENSITY, HALF, MINUS_HALF, ONE, QUICK, SQRT_HALF, TANH_CUBIC, TANH_SCALE, TANH_SLOPE } from './constants';
import { erf4, expNegative4, madd, sigmoid4 } from './math';

/** Activations x·g(x): g is the normal distribution exactly or by tanh, sigmoid(1.702 x), or sigmoid(x). */
const enum Gelu { ERF, TANH, QUICK, SILU }

@inline
function rate(kind: i32, x: v128): v128 {
  if (kind == Gelu.SILU) return x;
  else return f32x4.mul(x, QUICK);
}

@inline
function gelu4(kind: i32, x: v128): v128 {
  if (kind == Gelu.ERF) {
    const half = f32x4.mul(x, HALF);
    return madd(half, erf4(f32x4.mul(x, SQRT_HALF)), half);
  } else if (kind == Gelu.TANH) {
    const cubic = madd(f32x4.mul(f32x4.mul(x, x), TANH_CUBIC), x, x);
    return f32x4.mul(x, sigmoid4(f32x4.mul(cubic, TANH_SCALE))); // (1 + tanh u) / 2 = sigmoid 2u
  } else return f32x4.mul(x, sigmoid4(rate(kind, x)));
}

@inline
function geluSlope4(kind: i32, x: v128): v128 {
  if (kind == Gelu.ERF) {
    const cdf = madd(HALF, erf4(f32x4.mul(x, SQRT_HALF)), HALF);
    const density = f32x4.mul(expNegative4(f32x4.mul(f32x4.mul(x, x), MINUS_HALF)), DENSITY);
    return madd(x, density, cdf);
  } else if (kind == Gelu.TANH) {
    const s = f32x4.mul(x, x);
    const g = sigmoid4(f32x4.mul(madd(f32x4.mul(s, TANH_CUBIC), x, x), TANH_SCALE));
    const inner = madd(s, TANH_SLOPE, TANH_SCALE); // d/dx of sigmoid's argument
    const derivative = f32x4.mul(f32x4.mul(g, f32x4.sub(ONE, g)), inner);
    return madd(x, derivative, g);
  } else {
    const s = sigmoid4(rate(kind, x));
    return madd(f32x4.mul(rate(kind, x), s), f32x4.sub(ONE, s), s);
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

@inline
function gatedLoop(kind: i32, begin: i32, end: i32, x: usize, gate: usize, y: usize): void {
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) {
    v128.store(y + at, f32x4.mul(v128.load(x + at), gelu4(kind, v128.load(gate + at))));
  }
}

@inline
function gatedGradLoop(
  kind: i32, begin: i32, end: i32, dy: usize, x: usize, gate: usize, dx: usize, dGate: usize,
): void {
  const stop = <usize>end << 4;
  for (let at = <usize>begin << 4; at < stop; at += 16) {
    const d = v128.load(dy + at);
    const g = v128.load(gate + at);
    v128.store(dx + at, f32x4.mul(d, gelu4(kind, g)));
    v128.store(dGate + at, f32x4.mul(f32x4.mul(d, v128.load(x + at)), geluSlope4(kind, g)));
  }
}

/** Vectors [begin, end) of y = act(x). */
export function gelu(begin: i32, end: i32, thread: i32, kind: i32, x: usize, y: usize): void {
  if (kind == Gelu.ERF) geluLoop(Gelu.ERF, begin, end, x, y);
  else if (kind == Gelu.TANH) geluLoop(Gelu.TANH, begin, end, x, y);
  else if (kind == Gelu.QUICK) geluLoop(Gelu.QUICK, begin, end, x, y);
  else geluLoop(Gelu.SILU, begin, end, x, y);
}

/** Vectors [begin, end) of dx = dy·act'(x). */
export function geluGrad(begin: i32, end: i32, thread: i32, kind: i32, dy: usize, x: usize, dx: usize): void {
  if (kind == Gelu.ERF) geluGradLoop(Gelu.ERF, begin, end, dy, x, dx);
  else if (kind == Gelu.TANH) geluGradLoop(Gelu.TANH, begin, end, dy, x, dx);
  else if (kind == Gelu.QUICK) geluGradLoop(Gelu.QUICK, begin, end, dy, x, dx);
  else geluGradLoop(Gelu.SILU, begin, end, dy, x, dx);
}

/** Vectors [begin, end) of y = x·act(gate). */
export function gated(begin: i32, end: i32, thread: i32, kind: i32, x: usize, gate: usize, y: usize): void {
  if (kind == Gelu.ERF) gatedLoop(Gelu.ERF, begin, end, x, gate, y);
  else if (kind == Gelu.TANH) gatedLoop(Gelu.TANH, begin, end, x, gate, y);
  else if (kind == Gelu.QUICK) gatedLoop(Gelu.QUICK, begin, end, x, gate, y);
  else gatedLoop(Gelu.SILU, begin, end, x, gate, y);
}

/** Vectors [begin, end) of dx = dy·act(gate) and dgate = dy·x·act'(gate). */
export function gatedGrad(
  begin: i32, end: i32, thread: i32, kind: i32, dy: usize, x: usize, gate: usize, dx: usize, dGate: usize,
): void {
  if (kind == Gelu.ERF) gatedGradLoop(Gelu.ERF, begin, end, dy, x, gate, dx, dGate);
  else if (kind == Gelu.TANH) gatedGradLoop(Gelu.TANH, begin, end, dy, x, gate, dx, dGate);
  else if (kind == Gelu.QUICK) gatedGradLoop(Gelu.QUICK, begin, end, dy, x, gate, dx, dGate);
  else gatedGradLoop(Gelu.SILU, begin, end, dy, x, gate, dx, dGate);
}
