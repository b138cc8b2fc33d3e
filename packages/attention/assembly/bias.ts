import { addUp, clearSums } from './addends';
import { gradients, shares } from './backward';
import { lookAt } from './forward';
import { Problem, Work, workOf } from './problem';

/**
 * dbias: parts [begin, end), of a grid [B, H, blocks of queries] without the axes over which the bias broadcasts: those an
 * item sums over, in one order.
 */
export function attentionBiasGrad(begin: i32, end: i32, thread: i32, problem: usize): void {
  const p = changetype<Problem>(problem);
  const w = workOf(p, thread);
  const blocks = p.biasQ ? (p.Q + p.block - 1) / p.block : 1;
  const heads = p.biasH ? p.H : 1;
  for (let item = begin; item < end; item++) {
    const rest = item / blocks;
    const i0 = (item - rest * blocks) * p.block;
    const i1 = p.biasQ ? min(p.Q, i0 + p.block) : p.Q;
    const b0 = rest / heads;
    const h0 = rest - b0 * heads;
    const out = p.dbias + ((<usize>b0 * p.biasB + <usize>h0 * p.biasH + <usize>i0 * p.biasQ) << 2);
    clearSums(p, i1 - i0, out);
    for (let b = b0; b < (p.biasB ? b0 + 1 : p.B); b++) {
      for (let h = h0; h < (p.biasH ? h0 + 1 : p.H); h++) {
        w.b = b;
        w.head = h / p.group;
        lookAt(p, w, p.rows ? load<i32>(p.rows + (<usize>b << 2)) : b);
        for (let i = i0; i < i1; i += p.block) {
          const n = min(p.block, i1 - i);
          const r = (h - w.head * p.group) * p.Q + i;
          const seen = shares(p, w, r, n);
          gradients(w, n, 0, seen);
          addUp(p, w, n, seen, out);
        }
      }
    }
  }
}
