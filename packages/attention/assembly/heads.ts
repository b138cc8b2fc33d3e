import { madd, splat } from '../../backend-simd/assembly/math';
import { Problem, Work } from './problem';
import { multiply } from './product';
import { touchKeys } from './rows';

// The products of what lies in scratch with keys or values, or with rows in scratch.

/** [sum a, sum b, sum c, sum d] */
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
}

/** The products of `keys` rows of x with the one row q, each alone in its vector of `out`. */
function dotsOfOne(w: Work, x: usize, keys: i32, q: usize, out: usize): void {
  const step = w.step;
  const width = w.width;
  for (let l = 0; l < keys; l += 4) {
    const n = keys - l;
    const x1 = n > 1 ? x + step : x;
    const x2 = n > 2 ? x1 + step : x;
    const x3 = n > 3 ? x2 + step : x;
    let a = splat(0); let b = splat(0); let c = splat(0); let d = splat(0);
    for (let at: usize = 0; at < width; at += 16) {
      const y = v128.load(q + at);
      a = madd(y, v128.load(x + at), a);
      b = madd(y, v128.load(x1 + at), b);
      c = madd(y, v128.load(x2 + at), c);
      d = madd(y, v128.load(x3 + at), d);
    }
    const s = sums(a, b, c, d);
    v128.store(out, v128.shuffle<i32>(s, s, 0, 0, 0, 0));
    if (n > 1) v128.store(out, v128.shuffle<i32>(s, s, 1, 1, 1, 1), 16);
    if (n > 2) v128.store(out, v128.shuffle<i32>(s, s, 2, 2, 2, 2), 32);
    if (n > 3) v128.store(out, v128.shuffle<i32>(s, s, 3, 3, 3, 3), 48);
    x += step << 2;
    out += 64;
  }
}

/** out [keys,M] = x [keys,K]·t [K,n] of keys [from, to), where x is keys or values and `rows` are those of tᵀ. */
export function dots(
  p: Problem, w: Work, x: usize, from: i32, to: i32, t: usize, rows: usize, out: usize, n: i32,
): void {
  const at = x + <usize>from * w.step;
  const first = out + <usize>from * w.wide;
  touchKeys(w, at, to - from);
  if (n == 1 && w.wide == 16 && (p.K & 3) == 0) {
    dotsOfOne(w, at, to - from, rows, first);
    return;
  }
  multiply(at, w.step, 4, to - from, t, w.wide, (n + 3) & ~3, p.K, first, w.wide, false);
}

/** w.yr [n,K] (+)= sᵀ [n,keys]·x [keys,K] of keys [from, to), where x is keys or values; anew where `from` is 0. */
export function combine(w: Work, s: usize, n: i32, from: i32, to: i32, x: usize): void {
  const columns = <i32>(w.width >> 2);
  const at = s + <usize>from * w.wide;
  const rows = x + <usize>from * w.step;
  touchKeys(w, rows, to - from);
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
