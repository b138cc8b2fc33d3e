import { expNegative4, lanes, log4, madd, max4, splat, storePart, sum4 } from './math';

// Kernels that work row by row on [rows, D]. The last vector of a row is masked, as it overhangs into the next row.

@inline
export function loadMasked(at: usize, n: i32, other: f32): v128 {
  const v = v128.load(at);
  return n >= 4 ? v : v128.bitselect(v, splat(other), lanes(n));
}

@inline
export function rowMax(x: usize, D: i32): f32 {
  let m = splat(-Infinity);
  for (let j = 0; j < D; j += 4) m = f32x4.max(m, loadMasked(x + (<usize>j << 2), D - j, -Infinity));
  return max4(m);
}

/** Sum of e^(x - shift). */
@inline
function rowExpSum(x: usize, D: i32, shift: f32): f32 {
  const m = splat(shift);
  let s = splat(0);
  const whole = D & ~3;
  let j = 0;
  for (; j < whole; j += 4) s = f32x4.add(s, expNegative4(f32x4.sub(v128.load(x + (<usize>j << 2)), m)));
  if (j < D) {
    s = f32x4.add(s, v128.and(expNegative4(f32x4.sub(v128.load(x + (<usize>j << 2)), m)), lanes(D - j)));
  }
  return sum4(s);
}

/** In four sums, so that one addition need not wait for the other. */
@inline
function rowSum(x: usize, D: i32): f32 {
  let s0 = splat(0);
  let s1 = splat(0);
  let s2 = splat(0);
  let s3 = splat(0);
  let n = D;
  for (; n >= 16; n -= 16) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
    x += 64;
  }
  for (; n > 0; n -= 4) {
    s0 = f32x4.add(s0, loadMasked(x, n, 0));
    x += 16;
  }
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

@inline
function log1(x: f32): f32 {
  return f32x4.extract_lane(log4(splat(x)), 0);
}

export function softmax(begin: i32, end: i32, thread: i32, x: usize, y: usize, D: i32): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * <usize>D) << 2);
    const to = y + ((<usize>r * <usize>D) << 2);
    const m = splat(rowMax(from, D));
    let s = splat(0);
    const whole = D & ~3;
    let j = 0;
    for (; j < whole; j += 4) {
      const at = <usize>j << 2;
      const e = expNegative4(f32x4.sub(v128.load(from + at), m));
      s = f32x4.add(s, e);
      v128.store(to + at, e);
    }
    if (j < D) {
      const at = <usize>j << 2;
      const e = expNegative4(f32x4.sub(v128.load(from + at), m));
      s = f32x4.add(s, v128.and(e, lanes(D - j)));
      storePart(to + at, e, D - j);
    }
    const scale = splat(<f32>1 / sum4(s));
    for (j = 0; j < whole; j += 4) {
      const at = to + (<usize>j << 2);
      v128.store(at, f32x4.mul(v128.load(at), scale));
    }
    if (j < D) {
      const at = to + (<usize>j << 2);
      storePart(at, f32x4.mul(v128.load(at), scale), D - j);
    }
  }
}

export function logSoftmax(begin: i32, end: i32, thread: i32, x: usize, y: usize, D: i32): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * <usize>D) << 2);
    const to = y + ((<usize>r * <usize>D) << 2);
    const top = rowMax(from, D);
    const shift = splat(top + log1(rowExpSum(from, D, top)));
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
        y = log1(rowExpSum(row, V, top)) - (load<f32>(row + (<usize>label << 2)) - top) * (<f32>1 - smoothing);
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
    const m = splat(top);
    const whole = V & ~3;
    let s = splat(0);
    let j = 0;
    for (; j < whole; j += 4) {
      const at = <usize>j << 2;
      const e = expNegative4(f32x4.sub(v128.load(from + at), m));
      s = f32x4.add(s, e);
      v128.store(to + at, e);
    }
    if (j < V) {
      const at = <usize>j << 2;
      const e = expNegative4(f32x4.sub(v128.load(from + at), m));
      s = f32x4.add(s, v128.and(e, lanes(V - j)));
      storePart(to + at, e, V - j);
    }
    const scale = splat(g / sum4(s));
    const even = splat((-g * smoothing) / <f32>V);
    for (j = 0; j < whole; j += 4) {
      const at = to + (<usize>j << 2);
      v128.store(at, madd(v128.load(at), scale, even));
    }
    if (j < V) {
      const at = to + (<usize>j << 2);
      storePart(at, madd(v128.load(at), scale, even), V - j);
    }
    if (<u32>label < <u32>V) {
      const at = to + (<usize>label << 2);
      store<f32>(at, load<f32>(at) - g * (<f32>1 - smoothing));
    }
  }
}

@inline
function squared(s: v128, x: v128, m: v128): v128 {
  const d = f32x4.sub(x, m);
  return madd(d, d, s);
}

/** Sum of squared distances from `mean`. */
@inline
export function rowSpread(x: usize, D: i32, mean: f32): f32 {
  const m = splat(mean);
  let s0 = splat(0);
  let s1 = splat(0);
  let s2 = splat(0);
  let s3 = splat(0);
  let n = D;
  for (; n >= 16; n -= 16) {
    s0 = squared(s0, v128.load(x), m);
    s1 = squared(s1, v128.load(x, 16), m);
    s2 = squared(s2, v128.load(x, 32), m);
    s3 = squared(s3, v128.load(x, 48), m);
    x += 64;
  }
  for (; n > 0; n -= 4) {
    s0 = squared(s0, loadMasked(x, n, mean), m);
    x += 16;
  }
  return sum4(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

@inline
function normed(x: usize, weight: usize, bias: usize, j: i32, mean: v128, scale: v128): v128 {
  const at = <usize>j << 2;
  const v = f32x4.mul(f32x4.sub(v128.load(x + at), mean), scale);
  return madd(v, v128.load(weight + at), v128.load(bias + at));
}

export function layerNorm(
  begin: i32, end: i32, thread: i32, x: usize, weight: usize, bias: usize, y: usize, D: i32, epsilon: f32,
): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * <usize>D) << 2);
    const to = y + ((<usize>r * <usize>D) << 2);
    const mean = rowSum(from, D) / <f32>D;
    const scale = splat(<f32>1 / sqrt(rowSpread(from, D, mean) / <f32>D + epsilon));
    const m = splat(mean);
    const whole = D & ~3;
    let j = 0;
    for (; j < whole; j += 4) v128.store(to + (<usize>j << 2), normed(from, weight, bias, j, m, scale));
    if (j < D) storePart(to + (<usize>j << 2), normed(from, weight, bias, j, m, scale), D - j);
  }
}

/**
 * Blocks [begin, end) of `block` rows: dx, and for each block its share of dweight and dbias in
 * partial [blocks, 2, D], summed afterwards.
 */
export function layerNormGrad(
  begin: i32, end: i32, thread: i32,
  dy: usize, x: usize, weight: usize, dx: usize, partial: usize, rows: i32, block: i32, D: i32, epsilon: f32,
): void {
  const stride = <usize>D << 2;
  const inverse = <f32>1 / <f32>D;
  for (let item = begin; item < end; item++) {
    const dWeight = partial + <usize>item * 2 * stride;
    const dBias = dWeight + stride;
    for (let j = 0; j < 2 * D; j += 4) storePart(dWeight + (<usize>j << 2), splat(0), 2 * D - j);
    const stop = min(rows, (item + 1) * block);
    for (let r = item * block; r < stop; r++) {
      const from = x + <usize>r * stride;
      const slope = dy + <usize>r * stride;
      const to = dx + <usize>r * stride;
      const mean = rowSum(from, D) * inverse;
      const rstd = <f32>1 / sqrt(rowSpread(from, D, mean) * inverse + epsilon);
      const m = splat(mean);
      const scale = splat(rstd);
      let sumG = splat(0);
      let sumGN = splat(0);
      for (let j = 0; j < D; j += 4) {
        const at = <usize>j << 2;
        const n = D - j;
        const normed = f32x4.mul(f32x4.sub(loadMasked(from + at, n, mean), m), scale);
        const d = loadMasked(slope + at, n, 0);
        const g = f32x4.mul(d, loadMasked(weight + at, n, 0));
        sumG = f32x4.add(sumG, g);
        sumGN = madd(g, normed, sumGN);
        storePart(dWeight + at, madd(d, normed, v128.load(dWeight + at)), n);
        storePart(dBias + at, f32x4.add(d, v128.load(dBias + at)), n);
      }
      const meanG = splat(sum4(sumG) * inverse);
      const meanGN = splat(sum4(sumGN) * -inverse);
      for (let j = 0; j < D; j += 4) {
        const at = <usize>j << 2;
        const normed = f32x4.mul(f32x4.sub(v128.load(from + at), m), scale);
        const g = f32x4.sub(f32x4.mul(v128.load(slope + at), v128.load(weight + at)), meanG);
        storePart(to + at, f32x4.mul(scale, madd(normed, meanGN, g)), D - j);
      }
    }
  }
}
