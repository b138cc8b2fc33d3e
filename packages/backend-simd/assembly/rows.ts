import { atLeast, expNegative4, lanes, log4, madd, max4, splat, storePart, sum4 } from './math';

// Kernels that work row by row on [rows, D]. The last vector of a row is masked, as it overhangs into the next row.

@inline
export function loadMasked(at: usize, n: i32, other: f32): v128 {
  const v = v128.load(at);
  return n >= 4 ? v : v128.bitselect(v, splat(other), lanes(n));
}

// Sums and maxima of rows go in four vectors side by side, which do not wait for each other.

@inline
export function rowMax(x: usize, D: i32): f32 {
  let m0 = splat(-Infinity);
  let m1 = m0;
  let m2 = m0;
  let m3 = m0;
  let at = x;
  for (const stop = x + (<usize>(D & ~15) << 2); at < stop; at += 64) {
    m0 = atLeast(m0, v128.load(at));
    m1 = atLeast(m1, v128.load(at, 16));
    m2 = atLeast(m2, v128.load(at, 32));
    m3 = atLeast(m3, v128.load(at, 48));
  }
  for (let n = D & 15; n > 0; n -= 4) {
    m0 = atLeast(m0, loadMasked(at, n, -Infinity));
    at += 16;
  }
  return max4(atLeast(atLeast(m0, m1), atLeast(m2, m3)));
}

/** Writes e^(x - shift) to y, unless that is 0, and returns their sum. */
@inline
function rowExp(x: usize, y: usize, D: i32, shift: f32): f32 {
  const m = splat(shift);
  const stop = <usize>(D & ~3) << 2;
  let s0 = splat(0);
  let s1 = s0;
  let at: usize = 0;
  for (; at + 16 < stop; at += 32) {
    const e0 = expNegative4(f32x4.sub(v128.load(x + at), m));
    const e1 = expNegative4(f32x4.sub(v128.load(x + at, 16), m));
    s0 = f32x4.add(s0, e0);
    s1 = f32x4.add(s1, e1);
    if (y) {
      v128.store(y + at, e0);
      v128.store(y + at, e1, 16);
    }
  }
  for (let n = D - <i32>(at >> 2); n > 0; n -= 4) {
    const e = expNegative4(f32x4.sub(v128.load(x + at), m));
    s0 = f32x4.add(s0, n >= 4 ? e : v128.and(e, lanes(n)));
    if (y) storePart(y + at, e, n);
    at += 16;
  }
  return sum4(f32x4.add(s0, s1));
}

@inline
export function rowSum(x: usize, D: i32): f32 {
  let s0 = splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let at = x;
  for (const stop = x + (<usize>(D & ~15) << 2); at < stop; at += 64) {
    s0 = f32x4.add(s0, v128.load(at));
    s1 = f32x4.add(s1, v128.load(at, 16));
    s2 = f32x4.add(s2, v128.load(at, 32));
    s3 = f32x4.add(s3, v128.load(at, 48));
  }
  for (let n = D & 15; n > 0; n -= 4) {
    s0 = f32x4.add(s0, loadMasked(at, n, 0));
    at += 16;
  }
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** x = x·scale + shift. */
@inline
function rowScale(x: usize, D: i32, scale: f32, shift: f32): void {
  const factor = splat(scale);
  const addend = splat(shift);
  const stop = x + (<usize>(D & ~3) << 2);
  let at = x;
  for (; at < stop; at += 16) v128.store(at, madd(v128.load(at), factor, addend));
  if (D & 3) storePart(at, madd(v128.load(at), factor, addend), D & 3);
}

@inline
function log1(x: f32): f32 {
  return f32x4.extract_lane(log4(splat(x)), 0);
}

export function softmax(begin: i32, end: i32, thread: i32, x: usize, y: usize, D: i32): void {
  const row = <usize>D << 2;
  for (let r = <usize>begin; r < <usize>end; r++) {
    const sum = rowExp(x + r * row, y + r * row, D, rowMax(x + r * row, D));
    rowScale(y + r * row, D, <f32>1 / sum, 0);
  }
}

export function logSoftmax(begin: i32, end: i32, thread: i32, x: usize, y: usize, D: i32): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * <usize>D) << 2);
    const to = y + ((<usize>r * <usize>D) << 2);
    const top = rowMax(from, D);
    const shift = splat(top + log1(rowExp(from, 0, D, top)));
    for (let j = 0; j < D; j += 4) {
      const at = <usize>j << 2;
      storePart(to + at, f32x4.sub(v128.load(from + at), shift), D - j);
    }
  }
}

/** loss = lse - (1 - s)·x[label] - s/V·sum(x); 0 for ignored labels, NaN for labels out of range. */
export function crossEntropy(
  begin: i32, end: i32, thread: i32, x: usize, labels: usize, loss: usize, V: i32, smoothing: f32, ignore: i32,
): void {
  for (let r = begin; r < end; r++) {
    const label = load<i32>(labels + (<usize>r << 2));
    let y: f32 = 0;
    if (label != ignore) {
      if (<u32>label >= <u32>V) y = NaN;
      else {
        const row = x + ((<usize>r * <usize>V) << 2);
        const top = rowMax(row, V);
        y = log1(rowExp(row, 0, V, top)) - (load<f32>(row + (<usize>label << 2)) - top) * (<f32>1 - smoothing);
        if (smoothing != 0) y -= smoothing * (rowSum(row, V) / <f32>V - top);
      }
    }
    store<f32>(loss + (<usize>r << 2), y);
  }
}

export function crossEntropyGrad(
  begin: i32, end: i32, thread: i32,
  dy: usize, x: usize, labels: usize, dx: usize, V: i32, smoothing: f32, ignore: i32,
): void {
  for (let r = begin; r < end; r++) {
    const label = load<i32>(labels + (<usize>r << 2));
    const from = x + ((<usize>r * <usize>V) << 2);
    const to = dx + ((<usize>r * <usize>V) << 2);
    if (label == ignore) {
      for (let j = 0; j < V; j += 4) storePart(to + (<usize>j << 2), splat(0), V - j);
      continue;
    }
    const g = load<f32>(dy + (<usize>r << 2));
    const top = rowMax(from, V);
    const sum = rowExp(from, to, V, top);
    rowScale(to, V, g / sum, (-g * smoothing) / <f32>V);
    if (<u32>label < <u32>V) {
      const at = to + (<usize>label << 2);
      store<f32>(at, load<f32>(at) - g * (<f32>1 - smoothing));
    }
  }
}
