import { madd, splat } from '../../backend-simd/assembly/math';
import { Work } from './problem';

/** Below this e^x is taken as 0, so that masked scores cost no denormals. */
const LEAST: f32 = -86.6;

/**
 * The constants of `exponentials`, kept in memory: V8 makes a vector that is written in the code anew in every turn of a loop,
 * and keeps in a register what was loaded before it, which halves the time.
 */
export function writeConstants(at: usize): void {
  v128.store(at, splat(LEAST));
  v128.store(at, splat(12582912), 16); // 1.5·2^23: what is added to it is rounded to an integer, in the low bits
  v128.store(at, splat(1.44269504088896), 32); // log2(e)
  // 2^f for f in [-1/2, 1/2], a minimax fit by relative error, 9e-8
  v128.store(at, splat(0.0013264727550456563), 48);
  v128.store(at, splat(0.009671512872765617), 64);
  v128.store(at, splat(0.055507337445829315), 80);
  v128.store(at, splat(0.24022242081817968), 96);
  v128.store(at, splat(0.6931469775971001), 112);
  v128.store(at, splat(1), 128);
}

/** s[l] becomes e^(s[l] - top) for keys [from, to), and `w.sum` grows by them. */
export function exponentials(w: Work, n: i32, from: i32, to: i32): void {
  const step = w.wide;
  const end = <usize>((n + 3) & ~3) << 2;
  const at = w.constants;
  const least = v128.load(at);
  const round = v128.load(at, 16);
  const log2e = v128.load(at, 32);
  const c5 = v128.load(at, 48);
  const c4 = v128.load(at, 64);
  const c3 = v128.load(at, 80);
  const c2 = v128.load(at, 96);
  const c1 = v128.load(at, 112);
  const c0 = v128.load(at, 128);
  for (let j: usize = 0; j < end; j += 16) {
    const top = v128.load(w.top + j);
    let sum = v128.load(w.sum + j);
    let s = w.s + j + <usize>from * step;
    for (let l = from; l < to; l++) {
      const x = f32x4.sub(v128.load(s), top);
      const whole = madd(x, log2e, round);
      const f = madd(x, log2e, f32x4.sub(round, whole));
      let y = madd(f, c5, c4);
      y = madd(y, f, c3);
      y = madd(y, f, c2);
      y = madd(y, f, c1);
      y = madd(y, f, c0);
      y = i32x4.add(y, i32x4.shl(whole, 23)); // times 2^whole
      y = v128.andnot(y, f32x4.lt(x, least));
      v128.store(s, y);
      sum = f32x4.add(sum, y);
      s += step;
    }
    v128.store(w.sum + j, sum);
  }
}
