import { splat, storePart } from '../../backend-simd/assembly/math';
import { transpose4 } from '../../backend-simd/assembly/transpose';
import { Problem, rowOf, Work } from './problem';

// Rows of heads, in and out of scratch.

/** `transpose4`, added to what stands there. */
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

/** Loads a word of each line of a row. Misses of many loads in a row overlap, those of a product do not. */
@inline
function touchRow(at: usize, width: usize): f32 {
  let sum: f32 = 0;
  for (let i: usize = 0; i < width; i += 64) sum += load<f32>(at + i);
  return sum;
}

/** Brings keys or values near, where they lie among those of other heads. */
export function touchKeys(w: Work, x: usize, rows: i32): void {
  const step = w.step;
  const width = w.width;
  if (step <= 2 * width) return;
  let sum: f32 = 0;
  for (let i = 0; i < rows; i++) {
    sum += touchRow(x, width);
    x += step;
  }
  w.sink = sum; // else nothing would be loaded
}

function touchQueries(p: Problem, w: Work, x: usize, r: i32, n: i32): void {
  const width = w.width;
  let sum: f32 = 0;
  for (let i = 0; i < n; i++) sum += touchRow(x + rowOf(p, w, r + i), width);
  w.sink = sum;
}

/**
 * Queries [r, r + n) of x, each by its number in `times`, as columns of `t` and as rows of `rows`.
 * Columns up to a multiple of 4 repeat the last query; their number must be 0.
 */
export function gather(p: Problem, w: Work, x: usize, r: i32, n: i32, t: usize, rows: usize): void {
  const step = w.wide;
  const width = w.width;
  touchQueries(p, w, x, r, n);
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
      v128.store(row, y0);
      v128.store(row + width, y1);
      v128.store(row + 2 * width, y2);
      v128.store(row + 3 * width, y3);
      row += 16;
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
    let j = 0;
    for (; j + 4 <= K; j += 4) {
      const at = <usize>j << 2;
      v128.store(to + at, f32x4.mul(v128.load(from + at), times));
    }
    if (j < K) storePart(to + (<usize>j << 2), f32x4.mul(v128.load(from + (<usize>j << 2)), times), K - j);
  }
}

/** Rows of a head, `fromStep` and `toStep` bytes apart; those written are `width` numbers wide. */
export function copyRows(from: usize, fromStep: usize, to: usize, toStep: usize, rows: i32, width: i32): void {
  for (let l = 0; l < rows; l++) {
    let j = 0;
    for (; j + 4 <= width; j += 4) v128.store(to + (<usize>j << 2), v128.load(from + (<usize>j << 2)));
    if (j < width) storePart(to + (<usize>j << 2), v128.load(from + (<usize>j << 2)), width - j);
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
