import { drop } from './dropout';
import { exponentials } from './exponentials';
import { combine } from './heads';
import { Problem, Work, workOf } from './problem';
import { copyRows, scatter } from './rows';
import { FEW, invertSums, scores } from './scores';

/** The keys and values of image `image` for the head of `w`, copied together where that is worth it. */
export function lookAt(p: Problem, w: Work, image: i32): void {
  const step = <usize>(p.G * p.K) << 2;
  const at = <usize>image * <usize>p.C * step + (<usize>(w.head * p.K) << 2);
  w.k = p.k + at;
  w.v = p.v + at;
  w.step = step;
  if (!p.packed) return;
  const mine = changetype<usize>(w);
  const close = w.width + 16; // not a power of two: rows shall not meet in the cache
  copyRows(w.k, step, mine + p.kp, close, p.L, p.K);
  copyRows(w.v, step, mine + p.vp, close, p.L, p.K);
  w.k = mine + p.kp;
  w.v = mine + p.vp;
  w.step = close;
}

/** y: stripes [begin, end) of queries, of a [B, G, ceil(queries of a group / stripe)] grid. */
export function attention(begin: i32, end: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem);
  const w = workOf(p, thread);
  const queries = p.group * p.Q;
  const stripes = (queries + p.stripe - 1) / p.stripe;
  for (let item = begin; item < end; item++) {
    const part = item / stripes;
    const first = (item - part * stripes) * p.stripe;
    w.b = part / p.G;
    w.head = part - w.b * p.G;
    lookAt(p, w, p.rows ? load<i32>(p.rows + (<usize>w.b << 2)) : w.b);
    for (let r = first; r < min(first + p.stripe, queries); r += p.block) {
      const n = min(p.block, queries - r);
      const seen = scores(p, w, r, n);
      for (let l = 0; l < seen; l += FEW) {
        const to = min(l + FEW, seen);
        exponentials(w, n, l, to);
        if (p.threshold) drop(p, w, w.s, r, n, l, to);
        combine(w, w.s, n, l, to, w.v);
      }
      invertSums(w, n);
      scatter(p, w, p.y, r, n);
    }
  }
}
