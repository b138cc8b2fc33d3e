import { lanes, madd, splat, storePart } from '../../backend-simd/assembly/math';
import { probabilities } from './scores';
import { combine, dots, spread } from './tiles';

function clear(to: usize, row: usize, keys: i32, width: i32): void {
  for (let l = 0; l < keys; l++) {
    for (let j = 0; j < width; j += 4) storePart(to + (<usize>j << 2), splat(0), width - j);
    to += row;
  }
}

/** dp, the slopes by probabilities, become those by q·k: p·(dp - Σ p·dp)·scale. Queries beyond the `n`th weigh nothing. */
function slopes(p: usize, dp: usize, keys: i32, scale: f32, n: i32): void {
  const size = <usize>keys << 4;
  const real = lanes(n);
  let mean = splat(0);
  for (let at: usize = 0; at < size; at += 16) mean = madd(v128.load(p + at), v128.load(dp + at), mean);
  const times = splat(scale);
  for (let at: usize = 0; at < size; at += 16) {
    const share = v128.and(v128.load(p + at), real);
    const slope = f32x4.mul(f32x4.mul(share, times), f32x4.sub(v128.load(dp + at), mean));
    v128.store(p + at, share);
    v128.store(dp + at, slope);
  }
}

/**
 * Heads of keys and values [begin, end), of an [I, H] grid: dk and dv, and dq of the rows that look at them, which are
 * order[starts[image]] and on (starts is 0 where row b looks at b). No two items share an output, and sums have one order.
 * The rest as in `attention`. Scratch: 2·(L + 1) vectors a thread.
 */
export function attentionGrad(
  begin: i32, end: i32, thread: i32,
  dy: usize, q: usize, k: usize, v: usize, dq: usize, dk: usize, dv: usize,
  mask: usize, maskB: usize, maskH: usize, maskQ: usize, maskL: usize, starts: usize, order: usize,
  H: i32, Q: i32, L: i32, C: i32, K: i32, scale: f32, offset: i32, scratch: usize, scratchStride: usize,
): void {
  const row = <usize>(H * K) << 2;
  const p = scratch + <usize>thread * scratchStride;
  const dp = p + (<usize>(L + 1) << 4);
  for (let item = begin; item < end; item++) {
    const image = item / H;
    const h = item - image * H;
    const head = <usize>(h * K) << 2;
    const own = <usize>image * <usize>C * row + head;
    const first = starts ? load<i32>(starts + (<usize>image << 2)) : image;
    const stop = starts ? load<i32>(starts + (<usize>image << 2), 4) : image + 1;
    clear(dk + own, row, C, K);
    clear(dv + own, row, C, K);
    for (let r = first; r < stop; r++) {
      const b = starts ? load<i32>(order + (<usize>r << 2)) : r;
      for (let i = 0; i < Q; i += 4) {
        const n = min(4, Q - i);
        const x1 = n > 1 ? row : 0;
        const x2 = n > 2 ? row + x1 : x1;
        const x3 = n > 3 ? row + x2 : x2;
        const group = <usize>(b * Q + i) * row + head;
        const m = mask ? mask + ((<usize>b * maskB + <usize>h * maskH + <usize>i * maskQ) << 2) : 0;
        const q0 = q + group;
        const g0 = dy + group;
        const d0 = dq + group;
        const seen = probabilities(
          q0, q0 + x1, q0 + x2, q0 + x3, k + own, row, L, K, p, scale, m, maskQ << 2, maskL << 2, offset + i, n,
        );
        dots(g0, g0 + x1, g0 + x2, g0 + x3, v + own, row, seen, K, dp);
        slopes(p, dp, seen, scale, n);
        combine(dp, k + own, row, seen, K, d0, d0 + x1, d0 + x2, d0 + x3, n);
        spread(dp, q0, q0 + x1, q0 + x2, q0 + x3, dk + own, row, seen, K);
        spread(p, g0, g0 + x1, g0 + x2, g0 + x3, dv + own, row, seen, K);
      }
    }
  }
}
