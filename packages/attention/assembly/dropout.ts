import { mix4, splat } from '../../backend-simd/assembly/math';
import { Problem, Work } from './problem';

/**
 * Dropout of `x` [keys,M], of queries [r, r + n) and keys [from, to): x·keep where mix(i ^ seed) ≥ threshold, else 0; i is the place in
 * [B,H,Q,L].
 */
export function drop(p: Problem, w: Work, x: usize, r: i32, n: i32, from: i32, to: i32): void {
  const step = w.wide;
  const seed = i32x4.splat(p.seed);
  const limit = i32x4.splat(<i32>p.threshold);
  const keep = splat(p.keep);
  const one = i32x4.splat(1);
  const lanes = i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(p.L));
  const row = (w.b * p.H + w.head * p.group) * p.Q + r;
  for (let j = 0; j < n; j += 4) {
    let index = i32x4.add(i32x4.splat((row + j) * p.L + from), lanes);
    let at = x + (<usize>j << 2) + <usize>from * step;
    for (let l = from; l < to; l++) {
      const stays = i32x4.ge_u(mix4(v128.xor(index, seed)), limit);
      v128.store(at, v128.and(stays, f32x4.mul(v128.load(at), keep)));
      index = i32x4.add(index, one);
      at += step;
    }
  }
}
