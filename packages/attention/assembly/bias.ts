import { splat } from '../../backend-simd/assembly/math';
import { shares, gradients } from './backward';
import { lookAt } from './forward';
import { Problem, Work, workOf } from './problem';
import { addTransposed4 } from './rows';

/** Σ over n queries and all keys where they broadcast: out += what `w.dp` [keys,M] says. Rows of out are `row` bytes apart. */
function addUp(p: Problem, w: Work, n: i32, keys: i32, out: usize): void {
  const row = <usize>p.biasQ << 2;
  for (let i = 0; i < n; i += 4) {
    const many = min(4, n - i);
    const from = w.dp + (<usize>i << 2);
    const to = out + <usize>i * row;
    let l = 0;
    if (p.biasL && p.biasQ && many == 4) {
      for (; l + 4 <= keys; l += 4) {
        const s = from + <usize>l * w.wide;
        const s1 = s + w.wide;
        const s2 = s1 + w.wide;
        addTransposed4(v128.load(s), v128.load(s1), v128.load(s2), v128.load(s2 + w.wide), to + (<usize>l << 2), row);
      }
    }
    let total = splat(0); // of keys, where those broadcast
    for (; l < keys; l++) {
      const x = v128.load(from + <usize>l * w.wide);
      if (p.biasL) addLanes(x, many, to + (<usize>l << 2), row);
      else total = f32x4.add(total, x);
    }
    if (!p.biasL) addLanes(total, many, to, row);
  }
}

/** Adds the first `many` of four numbers to as many rows, which may be one. */
@inline
function addLanes(x: v128, many: i32, to: usize, row: usize): void {
  store<f32>(to, load<f32>(to) + f32x4.extract_lane(x, 0));
  if (many > 1) store<f32>(to + row, load<f32>(to + row) + f32x4.extract_lane(x, 1));
  if (many > 2) store<f32>(to + 2 * row, load<f32>(to + 2 * row) + f32x4.extract_lane(x, 2));
  if (many > 3) store<f32>(to + 3 * row, load<f32>(to + 3 * row) + f32x4.extract_lane(x, 3));
}

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
    for (let i = i0; i < (p.biasQ ? i1 : i0 + 1); i++) {
      const row = out + (<usize>((i - i0) * p.biasQ) << 2);
      memory.fill(row, 0, <usize>(p.biasL ? p.L : 1) << 2);
    }
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
