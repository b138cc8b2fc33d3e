import { probabilities } from './scores';
import { combine } from './tiles';

/**
 * Groups [begin, end) of four queries, of a [B, H, ceil(Q / 4)] grid: y [B,Q,H·K] of q [B,Q,H·K], k and v [I,C,H·K], of
 * which the first L rows count. The mask's strides are in elements, 0 where it broadcasts, and `mask` is 0 where there is
 * none; `rows` [B] is 0 where row b looks at b; the first query stands at `offset`. Scratch: L + 1 vectors a thread.
 */
export function attention(
  begin: i32, end: i32, thread: i32,
  q: usize, k: usize, v: usize, y: usize,
  mask: usize, maskB: usize, maskH: usize, maskQ: usize, maskL: usize, rows: usize,
  H: i32, Q: i32, L: i32, C: i32, K: i32, scale: f32, offset: i32, scratch: usize, scratchStride: usize,
): void {
  const row = <usize>(H * K) << 2;
  const groups = (Q + 3) >> 2;
  const s = scratch + <usize>thread * scratchStride;
  for (let item = begin; item < end; item++) {
    const stripe = item / groups;
    const i = (item - stripe * groups) << 2;
    const b = stripe / H;
    const h = stripe - b * H;
    const n = min(4, Q - i);
    const x1 = n > 1 ? row : 0;
    const x2 = n > 2 ? row + x1 : x1;
    const x3 = n > 3 ? row + x2 : x2;
    const head = <usize>(h * K) << 2;
    const group = <usize>(b * Q + i) * row + head;
    const image = rows ? load<i32>(rows + (<usize>b << 2)) : b;
    const own = <usize>image * <usize>C * row + head;
    const m = mask ? mask + ((<usize>b * maskB + <usize>h * maskH + <usize>i * maskQ) << 2) : 0;
    const q0 = q + group;
    const y0 = y + group;
    const seen = probabilities(
      q0, q0 + x1, q0 + x2, q0 + x3, k + own, row, L, K, s, scale, m, maskQ << 2, maskL << 2, offset + i, n,
    );
    combine(s, v + own, row, seen, K, y0, y0 + x1, y0 + x2, y0 + x3, n);
  }
}
