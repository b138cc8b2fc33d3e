import { lanes } from './math';

const enum Best { LARGEST, SMALLEST }

@inline
function argRow(best: i32, at: usize, D: i32, step: usize): i32 {
  let top = load<f32>(at);
  let index = 0;
  for (let j = 1; j < D; j++) {
    at += step;
    const v = load<f32>(at);
    if (best == Best.LARGEST ? v > top : v < top) {
      top = v;
      index = j;
    }
  }
  return index;
}

/** Index of the first largest or smallest element along D of x [outer,D,inner], for outer·inner results [begin, end). */
export function argBest(
  begin: i32, end: i32, thread: i32, best: i32, x: usize, y: usize, D: i32, inner: i32,
): void {
  const step = <usize>inner << 2;
  for (let r = begin; r < end; r++) {
    const outer = r / inner;
    const at = x + ((<usize>outer * <usize>D * <usize>inner + <usize>(r - outer * inner)) << 2);
    const index = best == Best.LARGEST ? argRow(Best.LARGEST, at, D, step) : argRow(Best.SMALLEST, at, D, step);
    store<i32>(y + (<usize>r << 2), index);
  }
}

/** Puts a value in its place among the `count` (at most k) best so far; the first of equals stays first. */
@inline
function insert(values: usize, ids: usize, count: i32, k: i32, value: f32, id: i32): void {
  let place = min(count, k - 1);
  for (; place > 0; place--) {
    const before = load<f32>(values + (<usize>(place - 1) << 2));
    if (before >= value) break;
    store<f32>(values + (<usize>place << 2), before);
    store<i32>(ids + (<usize>place << 2), load<i32>(ids + (<usize>(place - 1) << 2)));
  }
  store<f32>(values + (<usize>place << 2), value);
  store<i32>(ids + (<usize>place << 2), id);
}

/** The k largest of each of the rows [begin, end) of [rows,D], the largest first, and where they stood. */
export function topK(
  begin: i32, end: i32, thread: i32, x: usize, values: usize, ids: usize, D: i32, k: i32,
): void {
  for (let r = begin; r < end; r++) {
    const from = x + ((<usize>r * <usize>D) << 2);
    const best = values + ((<usize>r * <usize>k) << 2);
    const places = ids + ((<usize>r * <usize>k) << 2);
    const worst = best + (<usize>(k - 1) << 2);
    for (let j = 0; j < k; j++) insert(best, places, j, k, load<f32>(from + (<usize>j << 2)), j);
    for (let j = k; j < D; j += 4) {
      const v = v128.load(from + (<usize>j << 2));
      const larger = v128.and(f32x4.gt(v, v128.load32_splat(worst)), lanes(D - j));
      if (!v128.any_true(larger)) continue;
      const stop = min(D, j + 4);
      for (let i = j; i < stop; i++) {
        const value = load<f32>(from + (<usize>i << 2));
        if (value > load<f32>(worst)) insert(best, places, k, k, value, i);
      }
    }
  }
}
