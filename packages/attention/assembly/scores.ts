import { expNegative4, madd, splat } from '../../backend-simd/assembly/math';
import { dots } from './tiles';

/** What a score loses whose key comes after its query; MASKED in src/masks.ts. */
const FUTURE: f32 = -10000;
/**
 * Queries whose best scores are above this need no keys after them, whose share is then exactly 0; below it all that they
 * see is masked, and the future counts as it does in the composed version.
 */
const BLIND: f32 = -1000;

/**
 * s[l] = s[l]·scale + mask, for keys [from, to) and four queries at `position` and after it; m0 to m3 are the queries' rows
 * of the mask (m0 is 0 where there is none), `step` bytes from key to key.
 * @returns the greatest of each query
 */
function finish(
  s: usize, from: i32, to: i32, scale: f32, m0: usize, m1: usize, m2: usize, m3: usize, step: usize, position: i32,
): v128 {
  const times = splat(scale);
  const last = i32x4.add(i32x4.splat(position), i32x4(0, 1, 2, 3));
  let top = splat(-Infinity);
  let at = <usize>from * step;
  s += <usize>from << 4;
  for (let l = from; l < to; l++) {
    let bias = splat(0);
    if (m0) {
      if (m0 == m3) bias = v128.load32_splat(m0 + at);
      else {
        bias = v128.load32_zero(m0 + at);
        bias = v128.load32_lane(m1 + at, bias, 1);
        bias = v128.load32_lane(m2 + at, bias, 2);
        bias = v128.load32_lane(m3 + at, bias, 3);
      }
      at += step;
    }
    if (l > position) bias = f32x4.add(bias, v128.and(i32x4.lt_s(last, i32x4.splat(l)), splat(FUTURE)));
    const score = madd(v128.load(s), times, bias);
    v128.store(s, score);
    top = f32x4.max(top, score);
    s += 16;
  }
  return top;
}

/** s[l] becomes the softmax of s over keys. */
function softmax(s: usize, keys: i32, top: v128): void {
  const end = s + (<usize>keys << 4);
  let sum = splat(0);
  for (let at = s; at < end; at += 16) {
    const e = expNegative4(f32x4.sub(v128.load(at), top));
    v128.store(at, e);
    sum = f32x4.add(sum, e);
  }
  const share = f32x4.div(splat(1), sum);
  for (let at = s; at < end; at += 16) v128.store(at, f32x4.mul(v128.load(at), share));
}

/**
 * The probabilities s[l] with which `n` queries, the first at `position`, look at keys; `m` is the first one's row of the
 * mask, or 0, and `next` bytes lead to the next one's. Queries that are not there repeat the last one.
 * @returns how many keys there are with any share
 */
export function probabilities(
  q0: usize, q1: usize, q2: usize, q3: usize, k: usize, row: usize, L: i32, K: i32, s: usize, scale: f32,
  m: usize, next: usize, step: usize, position: i32, n: i32,
): i32 {
  const m1 = n > 1 ? m + next : m;
  const m2 = n > 2 ? m1 + next : m1;
  const m3 = n > 3 ? m2 + next : m2;
  let seen = min(L, max(0, position + n));
  dots(q0, q1, q2, q3, k, row, seen, K, s);
  let top = finish(s, 0, seen, scale, m, m1, m2, m3, step, position);
  if (seen < L && v128.any_true(f32x4.lt(top, splat(BLIND)))) {
    dots(q0, q1, q2, q3, k + <usize>seen * row, row, L - seen, K, s + (<usize>seen << 4));
    top = f32x4.max(top, finish(s, seen, L, scale, m, m1, m2, m3, step, position));
    seen = L;
  }
  softmax(s, seen, top);
  return seen;
}
