import { splat, storePart } from '../../backend-simd/assembly/math';
import { multiply } from './product';
import { Problem, rowOf, Work } from './problem';

// Rows of heads in and out of scratch, and the products of scratch with keys or values.

/** Four rows of four become four columns. */
@inline
export function transpose4(x0: v128, x1: v128, x2: v128, x3: v128, to: usize, step: usize): void {
  const t0 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
  const t2 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
  const t3 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(t0, t2, 0, 2));
  v128.store(to + step, v128.shuffle<i64>(t0, t2, 1, 3));
  v128.store(to + 2 * step, v128.shuffle<i64>(t1, t3, 0, 2));
  v128.store(to + 3 * step, v128.shuffle<i64>(t1, t3, 1, 3));
}

/** The same, added to what stands there. */
@inline
export function addTransposed4(x0: v128, x1: v128, x2: v128, x3: v128, to: usize, step: usize): void {
  const t0 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
  const t2 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
  const t3 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, f32x4.add(v128.load(to), v128.shuffle<i64>(t0, t2, 0, 2)));
  v128.store(to + step, f32x4.add(v128.load(to + step), v128.shuffle<i64>(t0, t2, 1, 3)));
  v128.store(to + 2 * step, f32x4.add(v128.load(to + 2 * step), v128.shuffle<i64>(t1, t3, 0, 2)));
  v128.store(to + 3 * step, f32x4.add(v128.load(to + 3 * step), v128.shuffle<i64>(t1, t3, 1, 3)));
}

/**
 * Queries [r, r + n) of x, each by its number in `times`, as columns of `t` and as rows of `rows`, where that is not 0.
 * Columns up to a multiple of 4 repeat the last query; their number must be 0.
 */
export function gather(p: Problem, w: Work, x: usize, r: i32, n: i32, t: usize, rows: usize): void {
  const step = w.wide;
  const width = w.width;
  for (let i = 0; i < n; i += 4) {
    const x0 = x + rowOf(p, w, r + i);
    const x1 = i + 1 < n ? x + rowOf(p, w, r + i + 1) : x0;
    const x2 = i + 2 < n ? x + rowOf(p, w, r + i + 2) : x0;
    const x3 = i + 3 < n ? x + rowOf(p, w, r + i + 3) : x0;
    const times = w.times + (<usize>i << 2);
    const f0 = v128.load32_splat(times, 0); const f1 = v128.load32_splat(times, 4);
    const f2 = v128.load32_splat(times, 8); const f3 = v128.load32_splat(times, 12);
    let to = t + (<usize>i << 2);
    let row = rows + <usize>i * width;
    for (let at: usize = 0; at < width; at += 16) {
      const y0 = f32x4.mul(v128.load(x0 + at), f0); const y1 = f32x4.mul(v128.load(x1 + at), f1);
      const y2 = f32x4.mul(v128.load(x2 + at), f2); const y3 = f32x4.mul(v128.load(x3 + at), f3);
      transpose4(y0, y1, y2, y3, to, step);
      to += step << 2;
      if (rows) {
        v128.store(row, y0);
        v128.store(row + width, y1);
        v128.store(row + 2 * width, y2);
        v128.store(row + 3 * width, y3);
        row += 16;
      }
    }
  }
}

/** Rows [r, r + n) of y are those of `w.yr`, each by its number in `times`. */
export function scatter(p: Problem, w: Work, y: usize, r: i32, n: i32): void {
  const K = p.K;
  for (let i = 0; i < n; i++) {
    const times = v128.load32_splat(w.times + (<usize>i << 2));
    const from = w.yr + <usize>i * w.width;
    const to = y + rowOf(p, w, r + i);
    for (let j = 0; j < K; j += 4) {
      storePart(to + (<usize>j << 2), f32x4.mul(v128.load(from + (<usize>j << 2)), times), K - j);
    }
  }
}

/** Rows of a head, `fromStep` and `toStep` bytes apart; those written are `width` numbers wide. */
export function copyRows(from: usize, fromStep: usize, to: usize, toStep: usize, rows: i32, width: i32): void {
  for (let l = 0; l < rows; l++) {
    for (let j = 0; j < width; j += 4) storePart(to + (<usize>j << 2), v128.load(from + (<usize>j << 2)), width - j);
    from += fromStep;
    to += toStep;
  }
}

export function clearRows(to: usize, step: usize, rows: i32, width: i32): void {
  for (let l = 0; l < rows; l++) {
    for (let j = 0; j < width; j += 4) storePart(to + (<usize>j << 2), splat(0), width - j);
    to += step;
  }
}

/** Loads a word of each line of some rows: misses of many loads in a row overlap, those of a product's do not. */
function touch(w: Work, x: usize, rows: i32): void {
  const step = w.step;
  const width = w.width;
  let sum: f32 = 0;
  for (let i = 0; i < rows; i++) {
    for (let at: usize = 0; at < width; at += 64) sum += load<f32>(x + at);
    x += step;
  }
  w.sink = sum;
}

/** out [keys,M] = x [keys,K]·t [K,M] of keys [from, to), where x is keys or values. */
export function dots(p: Problem, w: Work, x: usize, from: i32, to: i32, t: usize, out: usize, M: i32): void {
  const at = x + <usize>from * w.step;
  if (w.step > 1024) touch(w, at, to - from);
  multiply(at, w.step, 4, to - from, t, w.wide, M, p.K, out + <usize>from * w.wide, w.wide, false);
}

/** w.yr [n,K] (+)= sᵀ [n,keys]·x [keys,K] of keys [from, to), where x is keys or values; anew where `from` is 0. */
export function combine(w: Work, s: usize, n: i32, from: i32, to: i32, x: usize): void {
  const columns = <i32>(w.width >> 2);
  const at = s + <usize>from * w.wide;
  const rows = x + <usize>from * w.step;
  multiply(at, 4, w.wide, n, rows, w.step, columns, to - from, w.yr, w.width, from > 0);
}

/** to [keys,K] (+)= s [keys,n]·x [n,K] of keys [from, end), where `to` is a gradient of keys or values. */
export function spread(
  w: Work, s: usize, n: i32, from: i32, end: i32, x: usize, to: usize, step: usize, add: bool,
): void {
  const columns = <i32>(w.width >> 2);
  const at = s + <usize>from * w.wide;
  multiply(at, w.wide, 4, end - from, x, w.width, columns, n, to + <usize>from * step, step, add);
}
