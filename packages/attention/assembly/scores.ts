import { splat } from '../../backend-simd/assembly/math';
import { addBroadcast, lowerFuture } from './addends';
import { dots } from './heads';
import { headOf, Problem, Work } from './problem';
import { gather } from './rows';

/** Keys that are gone through at a time: few, so that all that is computed of them stays in the first-level cache. */
export const FEW: i32 = 48;
/**
 * Queries whose best scores are above this need no keys after them, whose weight is then exactly 0; below it all their visible
 * keys are masked, and the future counts as it does in the composed version.
 */
const BLIND: f32 = -1000;

/** `times` is x for n queries, and 0 for those up to a multiple of 4. */
export function setTimes(w: Work, n: i32, x: f32): void {
  const M = (n + 3) & ~3;
  for (let i = 0; i < M; i++) store<f32>(w.times + (<usize>i << 2), i < n ? x : 0);
}

/**
 * The scores of keys [from, to), with all that is added to them, and `w.top` raised to the greatest; `first` is the first of
 * the queries in its head.
 */
function score(p: Problem, w: Work, r: i32, n: i32, first: i32, from: i32, to: i32): void {
  const M = (n + 3) & ~3;
  for (let l = from; l < to; l += FEW) {
    const end = min(l + FEW, to);
    dots(p, w, w.k, l, end, w.qt, w.qr, w.s, n);
    if (p.bias) addBroadcast(p, w, p.bias, p.biasB, p.biasH, p.biasQ, p.biasL, r, n, l, end);
    if (p.mask) addBroadcast(p, w, p.mask, p.maskB, p.maskH, p.maskQ, p.maskL, r, n, l, end);
    if (p.offset + first < end - 1) lowerFuture(p, w, r, n, l, end);
    const step = w.wide;
    for (let j: usize = 0; j < <usize>M << 2; j += 16) {
      let top = v128.load(w.top + j);
      let s = w.s + j + <usize>l * step;
      for (let i = l; i < end; i++) {
        top = f32x4.pmax(top, v128.load(s)); // `max` is eight instructions
        s += step;
      }
      v128.store(w.top + j, top);
    }
  }
}

/** Whether any query's greatest score is below what a masked one may be. */
function blind(w: Work, n: i32): bool {
  for (let i = 0; i < n; i++) if (load<f32>(w.top + (<usize>i << 2)) < BLIND) return true;
  return false;
}

/**
 * `w.s` [keys,M]: the scores of keys for queries [r, r + n), and `w.top` the greatest. The queries by the scale stand in
 * `w.qt` and `w.qr`; `w.sum` is cleared.
 * @returns how many keys may have a weight
 */
export function scores(p: Problem, w: Work, r: i32, n: i32): i32 {
  for (let j: usize = 0; j < w.wide; j += 16) {
    v128.store(w.top + j, splat(-Infinity));
    v128.store(w.sum + j, splat(0));
  }
  setTimes(w, n, p.scale);
  gather(p, w, p.q, r, n, w.qt, w.qr);
  const g = headOf(p, r);
  const ofOneHead = g == headOf(p, r + n - 1);
  const first = ofOneHead ? r - g * p.Q : 0;
  const last = ofOneHead ? first + n - 1 : p.Q - 1;
  const seen = min(p.L, max(0, p.offset + last + 1));
  score(p, w, r, n, first, 0, seen);
  if (seen == p.L || !blind(w, n)) return seen;
  score(p, w, r, n, first, seen, p.L);
  return p.L;
}

/** `times` becomes the inverse of the sums. */
export function invertSums(w: Work, n: i32): void {
  for (let i = 0; i < n; i++) store<f32>(w.times + (<usize>i << 2), 1 / load<f32>(w.sum + (<usize>i << 2)));
}
