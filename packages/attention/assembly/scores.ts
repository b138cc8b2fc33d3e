import { atLeast, expNegative4, splat } from '../../backend-simd/assembly/math';
import { addBroadcast, lowerFuture } from './addends';
import { dots, gather } from './heads';
import { Problem, Work } from './problem';

/**
 * Queries whose best scores are above this need no keys after them, whose share is then exactly 0; below it all that they
 * see is masked, and the future counts as it does in the composed version.
 */
const BLIND: f32 = -1000;

/** The scores of keys [from, to), with all that is added to them, and `w.top` raised to the greatest. */
function score(p: Problem, w: Work, r: i32, n: i32, from: i32, to: i32): void {
  dots(p, w, w.k, from, to, w.qt, w.s, (n + 3) & ~3);
  if (p.bias) addBroadcast(p, w, p.bias, p.biasB, p.biasH, p.biasQ, p.biasL, r, n, from, to);
  if (p.mask) addBroadcast(p, w, p.mask, p.maskB, p.maskH, p.maskQ, p.maskL, r, n, from, to);
  if (p.offset < to) lowerFuture(p, w, r, n, from, to);
  const end = <usize>((n + 3) & ~3) << 2;
  for (let l = from; l < to; l++) {
    const s = w.s + <usize>l * w.wide;
    for (let j: usize = 0; j < end; j += 16) {
      v128.store(w.top + j, atLeast(v128.load(w.top + j), v128.load(s + j)));
    }
  }
}

/** Whether any query's greatest score is below what a masked one may be. */
function blind(w: Work, n: i32): bool {
  for (let i = 0; i < n; i++) if (load<f32>(w.top + (<usize>i << 2)) < BLIND) return true;
  return false;
}

/** s[l] becomes e^(s[l] - top), and `w.sum` their sum. */
function exponentials(w: Work, n: i32, keys: i32): void {
  const end = <usize>((n + 3) & ~3) << 2;
  for (let j: usize = 0; j < end; j += 16) v128.store(w.sum + j, splat(0));
  for (let l = 0; l < keys; l++) {
    const s = w.s + <usize>l * w.wide;
    for (let j: usize = 0; j < end; j += 16) {
      const e = expNegative4(f32x4.sub(v128.load(s + j), v128.load(w.top + j)));
      v128.store(s + j, e);
      v128.store(w.sum + j, f32x4.add(v128.load(w.sum + j), e));
    }
  }
}

/**
 * `w.s` [keys,M]: with what weights queries [r, r + n) look at keys, which `w.times` makes probabilities.
 * @returns how many keys there are with any weight
 */
export function weigh(p: Problem, w: Work, r: i32, n: i32, rows: usize): i32 {
  const M = (n + 3) & ~3;
  for (let i = 0; i < M; i++) {
    const at = <usize>i << 2;
    store<f32>(w.times + at, i < n ? p.scale : 0);
    store<f32>(w.top + at, -Infinity);
  }
  gather(p, w, p.q, r, n, w.qt, rows);
  const whole = r / p.Q == (r + n - 1) / p.Q; // the queries are of one head
  const last = whole ? (r + n - 1) % p.Q : p.Q - 1;
  let seen = min(p.L, max(0, p.offset + last + 1));
  score(p, w, r, n, 0, seen);
  if (seen < p.L && blind(w, n)) {
    score(p, w, r, n, seen, p.L);
    seen = p.L;
  }
  exponentials(w, n, seen);
  for (let i = 0; i < M; i++) {
    const at = <usize>i << 2;
    store<f32>(w.times + at, i < n ? 1 / load<f32>(w.sum + at) : 0);
  }
  return seen;
}
