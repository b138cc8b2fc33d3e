import { madd, splat } from '../../backend-simd/assembly/math';
import { lookAt } from './forward';
import { clearRows, combine, copyRows, dots, gather, scatter, spread } from './heads';
import { Problem, Work, workOf } from './problem';
import { weigh } from './scores';

/**
 * After `weigh`: `w.dp` becomes the slopes by the scores before their scale, e·(dp - mean) where e are the weights, dp the
 * slopes by them divided by their sum, and mean is Σ e·dp divided by it. `w.gr` gets the slopes of y by the same measure.
 */
export function slopes(p: Problem, w: Work, r: i32, n: i32, keys: i32): void {
  const M = (n + 3) & ~3;
  const end = <usize>M << 2;
  gather(p, w, p.y, r, n, w.gt, w.gr);
  dots(p, w, w.v, 0, keys, w.gt, w.dp, M);
  for (let j: usize = 0; j < end; j += 16) v128.store(w.mean + j, splat(0));
  for (let l = 0; l < keys; l++) {
    const at = <usize>l * w.wide;
    for (let j = at; j < at + end; j += 16) {
      const mean = w.mean + (j - at);
      v128.store(mean, madd(v128.load(w.s + j), v128.load(w.dp + j), v128.load(mean)));
    }
  }
  for (let j: usize = 0; j < end; j += 16) {
    v128.store(w.mean + j, f32x4.mul(v128.load(w.mean + j), v128.load(w.times + j)));
  }
  for (let l = 0; l < keys; l++) {
    const at = <usize>l * w.wide;
    for (let j = at; j < at + end; j += 16) {
      const mean = v128.load(w.mean + (j - at));
      v128.store(w.dp + j, f32x4.mul(v128.load(w.s + j), f32x4.sub(v128.load(w.dp + j), mean)));
    }
  }
}

/**
 * Heads of keys and values [begin, end), of an [I, G] grid: dk and dv, and dq of the rows that look at them. No two items
 * share an output, and sums have one order.
 */
export function attentionGrad(begin: i32, end: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem);
  const w = workOf(p, thread);
  const mine = changetype<usize>(w);
  const queries = (p.H / p.G) * p.Q;
  const far = <usize>(p.G * p.K) << 2;
  for (let item = begin; item < end; item++) {
    const image = item / p.G;
    w.head = item - image * p.G;
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
        const seen = weigh(p, w, r, n, w.qr);
        slopes(p, w, r, n, seen);
        const more = written > 0;
        if (more && written < seen) {
          clearRows(dk + <usize>written * step, step, seen - written, columns);
          clearRows(dv + <usize>written * step, step, seen - written, columns);
        }
        spread(w, w.dp, n, seen, w.qr, dk, step, more);
        spread(w, w.s, n, seen, w.gr, dv, step, more);
        written = max(written, seen);
        combine(w, w.dp, n, seen, w.k);
        for (let i = 0; i < n; i++) store<f32>(w.times + (<usize>i << 2), p.scale);
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
}
