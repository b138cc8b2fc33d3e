/**
 * One attention, in the order in which src/fused/problem.ts writes it: 32-bit words. Heads lie side by side in rows of q and y
 * [B,Q,H·K] and of k and v [I,C,G·K], of which L rows count. A tensor that is not there is 0. Strides are in elements, 0 where
 * an axis broadcasts. From `s` on: where in a thread's scratch things lie, in bytes.
 */
@unmanaged
export class Problem {
  q: usize; k: usize; v: usize;
  /** dy in the gradients. */
  y: usize;
  dq: usize; dk: usize; dv: usize; dbias: usize;
  mask: usize; maskB: i32; maskH: i32; maskQ: i32; maskL: i32;
  bias: usize; biasB: i32; biasH: i32; biasQ: i32; biasL: i32;
  /** The image to which row b attends, [B]; 0 where it is b. */
  rows: usize;
  /** The rows that attend to image i are order[starts[i]] to order[starts[i + 1]]; 0 where it is row i. */
  starts: usize; order: usize;
  B: i32; H: i32; G: i32;
  /** Heads of queries that share one of keys, H / G. */
  group: i32;
  Q: i32; L: i32; C: i32; K: i32;
  scale: f32;
  /** Dropout of probabilities: what `mix4` of place and seed must reach, 0 without; and by what is multiplied what stays. */
  seed: i32; threshold: u32; keep: f32;
  /** The position of the first query among the keys. */
  offset: i32;
  /** Queries that are computed together, a multiple of 4; those of an item of the forward kernel, a multiple of that. */
  block: i32; stripe: i32;
  /** Whether keys and values are copied together first, and whether their gradients are summed in scratch. */
  packed: i32; summed: i32;
  /** Images that an item of the gradient computes: one, or all, whose gradients of a bias without an axis B add up. */
  images: i32;
  scratch: usize; scratchStride: usize;
  s: usize; dp: usize; qt: usize; gt: usize; qr: usize; gr: usize; yr: usize; rowwise: usize;
  kp: usize; vp: usize; dkp: usize; dvp: usize;
}

/** What a thread works on, at the beginning of its scratch: one row b and one head of keys; steps in bytes. */
@unmanaged
export class Work {
  b: i32; head: i32;
  /** Keys and values of the head and the bytes from one to the next. */
  k: usize; v: usize; step: usize;
  /** [L,M] scores, then e^(score - the greatest); M is the block, and a query's column is its place in it. */
  s: usize;
  /** [L,M] the gradients with respect to them. */
  dp: usize;
  /** [K,M] queries by the scale, and gradients of the output times the inverse sums. */
  qt: usize; gt: usize;
  /** Queries and gradients of the output as in `qt` and `gt`, [M,width]. */
  qr: usize; gr: usize;
  /** [M,width] what comes out. */
  yr: usize;
  /** [M] each: the greatest score, the sum, a factor, a mean. */
  top: usize; sum: usize; times: usize; mean: usize;
  /** Bytes of a row of a head in scratch, and of a row of s. */
  width: usize; wide: usize;
  sink: f32;
}

/** The scratch of a thread, set up. */
export function workOf(p: Problem, thread: i32): Work {
  const at = p.scratch + <usize>thread * p.scratchStride;
  const w = changetype<Work>(at);
  w.s = at + p.s; w.dp = at + p.dp;
  w.qt = at + p.qt; w.gt = at + p.gt; w.qr = at + p.qr; w.gr = at + p.gr; w.yr = at + p.yr;
  const M = <usize>p.block << 2;
  w.top = at + p.rowwise; w.sum = w.top + M; w.times = w.sum + M; w.mean = w.times + M;
  w.width = <usize>((p.K + 3) & ~3) << 2;
  w.wide = M;
  return w;
}

/** The head of query `r` in its group: the queries of a group are those of its heads, one after the other. */
@inline
export function headOf(p: Problem, r: i32): i32 {
  return r < p.Q ? 0 : r / p.Q;
}

/** Where the row of query `r` begins in q, y and their gradients, in bytes. */
@inline
export function rowOf(p: Problem, w: Work, r: i32): usize {
  const g = headOf(p, r);
  const row = <usize>(w.b * p.Q + r - g * p.Q) * <usize>p.H;
  return ((row + <usize>(w.head * p.group + g)) * <usize>p.K) << 2;
}
