import { madd, splat } from '../../backend-simd/assembly/math';
import { addUp, broadcastRow, clearSums } from './addends';
import { drop } from './dropout';
import { exponentials } from './exponentials';
import { lookAt } from './forward';
import { combine, dots, spread } from './heads';
import { Problem, Work, workOf } from './problem';
import { clearRows, copyRows, gather, scatter } from './rows';
import { FEW, invertSums, scores, setTimes } from './scores';

/**
 * `w.s` [keys,M]: the probabilities of keys for queries [r, r + n), of which there are as many as `scores` says; `w.dp` the gradients
 * with respect to them; `w.mean` their means, weighted by the probabilities. The gradients of y are in `w.gr`, the queries in `w.qr`.
 */
export function shares(p: Problem, w: Work, r: i32, n: i32): i32 {
  const M = (n + 3) & ~3;
  const step = w.wide;
  const seen = scores(p, w, r, n);
  setTimes(w, n, 1);
  gather(p, w, p.y, r, n, w.gt, w.gr);
  for (let j: usize = 0; j < step; j += 16) v128.store(w.mean + j, splat(0));
  for (let l = 0; l < seen; l += FEW) {
    const to = min(l + FEW, seen);
    exponentials(w, n, l, to);
    dots(p, w, w.v, l, to, w.gt, w.gr, w.dp, n);
    if (p.threshold) drop(p, w, w.dp, r, n, l, to);
    for (let j: usize = 0; j < <usize>M << 2; j += 16) {
      let mean = v128.load(w.mean + j);
      let at = j + <usize>l * step;
      for (let i = l; i < to; i++) {
        mean = madd(v128.load(w.s + at), v128.load(w.dp + at), mean);
        at += step;
      }
      v128.store(w.mean + j, mean);
    }
  }
  invertSums(w, n);
  return seen;
}

/** Of keys [from, to), s becomes probabilities and dp the gradients with respect to scores: p·(dp - mean). */
export function gradients(w: Work, n: i32, from: i32, to: i32): void {
  const step = w.wide;
  const end = <usize>((n + 3) & ~3) << 2;
  for (let j: usize = 0; j < end; j += 16) {
    const times = v128.load(w.times + j);
    const mean = f32x4.mul(v128.load(w.mean + j), times);
    let s = w.s + j + <usize>from * step;
    let dp = w.dp + j + <usize>from * step;
    for (let l = from; l < to; l++) {
      const share = f32x4.mul(v128.load(s), times);
      v128.store(s, share);
      v128.store(dp, f32x4.mul(share, f32x4.sub(v128.load(dp), mean)));
      s += step;
      dp += step;
    }
  }
}

/** The gradients of the keys and values of an image and of the rows that attend to it. `fresh`: dbias is not written yet. */
function ofImage(p: Problem, w: Work, image: i32, fresh: bool): void {
  const mine = changetype<usize>(w);
  const queries = p.group * p.Q;
  const far = <usize>(p.G * p.K) << 2;
  lookAt(p, w, image);
  const own = <usize>image * <usize>p.C * far + (<usize>(w.head * p.K) << 2);
  const dk = p.summed ? mine + p.dkp : p.dk + own;
  const dv = p.summed ? mine + p.dvp : p.dv + own;
  const step = p.summed ? w.width : far;
  const columns = p.summed ? <i32>(w.width >> 2) : p.K;
  const first = p.starts ? load<i32>(p.starts + (<usize>image << 2)) : image;
  const stop = p.starts ? load<i32>(p.starts + (<usize>image << 2), 4) : image + 1;
  let written = 0; // so many keys have gradients
  for (let row = first; row < stop; row++) {
    w.b = p.starts ? load<i32>(p.order + (<usize>row << 2)) : row;
    for (let r = 0; r < queries; r += p.block) {
      const n = min(p.block, queries - r);
      const seen = shares(p, w, r, n);
      const more = written > 0;
      if (more && written < seen) {
        clearRows(dk + <usize>written * step, step, seen - written, columns);
        clearRows(dv + <usize>written * step, step, seen - written, columns);
      }
      written = max(written, seen);
      for (let l = 0; l < seen; l += FEW) {
        const to = min(l + FEW, seen);
        gradients(w, n, l, to);
        if (p.threshold) drop(p, w, w.s, r, n, l, to);
        spread(w, w.dp, n, l, to, w.qr, dk, step, more);
        spread(w, w.s, n, l, to, w.gr, dv, step, more);
        combine(w, w.dp, n, l, to, w.k);
      }
      if (p.dbias) {
        const out = broadcastRow(p, w, p.dbias, p.biasB, p.biasH, p.biasQ, r);
        if (fresh && (p.biasB || row == first) && (p.biasQ || r == 0)) clearSums(p, n, out);
        addUp(p, w, n, seen, out);
      }
      setTimes(w, n, p.scale);
      scatter(p, w, p.dq, r, n);
    }
  }
  if (p.summed) {
    copyRows(dk, step, p.dk + own, far, written, p.K);
    copyRows(dv, step, p.dv + own, far, written, p.K);
  }
  const rest = p.C - written;
  clearRows(p.dk + own + <usize>written * far, far, rest, p.K);
  clearRows(p.dv + own + <usize>written * far, far, rest, p.K);
}

/**
 * Heads of keys and values [begin, end), of an [I / images, G] grid: dk and dv, dq of the rows that attend to them, and dbias
 * where it is wanted and no two items add to the same numbers. Sums have one order.
 */
export function attentionGrad(begin: i32, end: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem);
  const w = workOf(p, thread);
  for (let item = begin; item < end; item++) {
    const part = item / p.G;
    w.head = item - part * p.G;
    for (let i = 0; i < p.images; i++) ofImage(p, w, part * p.images + i, i == 0);
  }
}
