import { splat } from '../../backend-simd/assembly/math';
import { headOf, Problem, Work } from './problem';
import { addTransposed4 } from './rows';

/** What a score loses whose key comes after its query; MASKED in src/masks.ts. */
const FUTURE: f32 = -10000;

/** Where the row of query r begins in what broadcasts to [B,H,Q,L]. Strides in elements. */
@inline
export function broadcastRow(p: Problem, w: Work, x: usize, stepB: i32, stepH: i32, stepQ: i32, r: i32): usize {
  const g = headOf(p, r);
  const h = w.head * p.group + g;
  return x + ((<usize>w.b * stepB + <usize>h * stepH + <usize>(r - g * p.Q) * stepQ) << 2);
}

/** s[l] += x, of queries [r, r + n) and keys [from, to). */
export function addBroadcast(
  p: Problem, w: Work, x: usize, stepB: i32, stepH: i32, stepQ: i32, stepL: i32, r: i32, n: i32, from: i32, to: i32,
): void {
  const step = w.wide;
  const next = <usize>stepL << 2;
  if (stepQ == 0 && (stepH == 0 || p.group == 1)) { // one row for all queries of the block
    let at = broadcastRow(p, w, x, stepB, stepH, stepQ, r) + <usize>from * next;
    for (let l = from; l < to; l++) {
      const add = v128.load32_splat(at);
      const s = w.s + <usize>l * step;
      for (let j: usize = 0; j < step; j += 16) v128.store(s + j, f32x4.add(v128.load(s + j), add));
      at += next;
    }
    return;
  }
  for (let i = 0; i < n; i += 4) {
    const x0 = broadcastRow(p, w, x, stepB, stepH, stepQ, r + i);
    const x1 = i + 1 < n ? broadcastRow(p, w, x, stepB, stepH, stepQ, r + i + 1) : x0;
    const x2 = i + 2 < n ? broadcastRow(p, w, x, stepB, stepH, stepQ, r + i + 2) : x0;
    const x3 = i + 3 < n ? broadcastRow(p, w, x, stepB, stepH, stepQ, r + i + 3) : x0;
    let s = w.s + (<usize>i << 2) + <usize>from * step;
    let l = from;
    if (stepL) {
      for (; l + 4 <= to; l += 4) {
        const at = <usize>l << 2;
        addTransposed4(v128.load(x0 + at), v128.load(x1 + at), v128.load(x2 + at), v128.load(x3 + at), s, step);
        s += step << 2;
      }
    }
    for (; l < to; l++) {
      const at = <usize>l * next;
      let add = v128.load32_zero(x0 + at);
      add = v128.load32_lane(x1 + at, add, 1);
      add = v128.load32_lane(x2 + at, add, 2);
      add = v128.load32_lane(x3 + at, add, 3);
      v128.store(s, f32x4.add(v128.load(s), add));
      s += step;
    }
  }
}

/** Lowers the scores of keys [from, to) that come after their query. */
export function lowerFuture(p: Problem, w: Work, r: i32, n: i32, from: i32, to: i32): void {
  for (let i = 0; i < n; i += 4) {
    let last = i32x4.splat(0);
    const q = r + i;
    last = i32x4.replace_lane(last, 0, p.offset + q % p.Q);
    last = i32x4.replace_lane(last, 1, p.offset + (q + 1) % p.Q);
    last = i32x4.replace_lane(last, 2, p.offset + (q + 2) % p.Q);
    last = i32x4.replace_lane(last, 3, p.offset + (q + 3) % p.Q);
    const first = max(from, min(firstLane(last), to));
    for (let l = first; l < to; l++) {
      const s = w.s + (<usize>i << 2) + <usize>l * w.wide;
      const later = i32x4.lt_s(last, i32x4.splat(l));
      v128.store(s, f32x4.add(v128.load(s), v128.and(later, splat(FUTURE))));
    }
  }
}

/** The least of four. */
@inline
function firstLane(x: v128): i32 {
  const a = min(i32x4.extract_lane(x, 0), i32x4.extract_lane(x, 1));
  return min(a, min(i32x4.extract_lane(x, 2), i32x4.extract_lane(x, 3)));
}

/** Clears what `n` queries of a head add to: their rows of `out`, which are one where the bias broadcasts over queries. */
export function clearSums(p: Problem, n: i32, out: usize): void {
  for (let i = 0; i < (p.biasQ ? n : 1); i++) {
    memory.fill(out + (<usize>(i * p.biasQ) << 2), 0, <usize>(p.biasL ? p.L : 1) << 2);
  }
}

/**
 * The gradient of the bias: out += the gradients with respect to the scores, `w.dp` [keys,M], of n queries, summed over the
 * axes on which it broadcasts.
 */
export function addUp(p: Problem, w: Work, n: i32, keys: i32, out: usize): void {
  const row = <usize>p.biasQ << 2;
  for (let i = 0; i < n; i += 4) {
    const many = min(4, n - i);
    const from = w.dp + (<usize>i << 2);
    const to = out + <usize>i * row;
    let l = 0;
    if (p.biasL && p.biasQ && many == 4) {
      for (; l + 4 <= keys; l += 4) {
        const s = from + <usize>l * w.wide;
        const s1 = s + w.wide;
        const s2 = s1 + w.wide;
        addTransposed4(v128.load(s), v128.load(s1), v128.load(s2), v128.load(s2 + w.wide), to + (<usize>l << 2), row);
      }
    }
    let total = splat(0); // of keys, where those broadcast
    for (; l < keys; l++) {
      const x = v128.load(from + <usize>l * w.wide);
      if (p.biasL) addLanes(x, many, to + (<usize>l << 2), row);
      else total = f32x4.add(total, x);
    }
    if (!p.biasL) addLanes(total, many, to, row);
  }
}

/** Adds the first `many` of four numbers to as many rows, which may be one. */
@inline
function addLanes(x: v128, many: i32, to: usize, row: usize): void {
  store<f32>(to, load<f32>(to) + f32x4.extract_lane(x, 0));
  if (many > 1) store<f32>(to + row, load<f32>(to + row) + f32x4.extract_lane(x, 1));
  if (many > 2) store<f32>(to + 2 * row, load<f32>(to + 2 * row) + f32x4.extract_lane(x, 2));
  if (many > 3) store<f32>(to + 3 * row, load<f32>(to + 3 * row) + f32x4.extract_lane(x, 3));
}
