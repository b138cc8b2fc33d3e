import { EXP2_1, EXP2_2, EXP2_3, EXP2_4, EXP2_5, EXP_LEAST, LOG2_E, ONE, ROUND } from '../../backend-simd/assembly/constants';
import { madd } from '../../backend-simd/assembly/math';
import { Work } from './problem';

/** s[l] becomes e^(s[l] - top), or 0 below e^EXP_LEAST, for keys [from, to), and `w.sum` grows by them. */
export function exponentials(w: Work, n: i32, from: i32, to: i32): void {
  const step = w.wide;
  const end = <usize>((n + 3) & ~3) << 2;
  const least = EXP_LEAST;
  const round = ROUND;
  const log2e = LOG2_E;
  const c5 = EXP2_5;
  const c4 = EXP2_4;
  const c3 = EXP2_3;
  const c2 = EXP2_2;
  const c1 = EXP2_1;
  const c0 = ONE;
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
