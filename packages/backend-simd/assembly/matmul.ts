import { madd, splat, storePart } from './math';
import { NR, NR_BYTES, packA, packB, panelsOf } from './pack';

// C = A·B by register tiles of 3 x 12, which with a vector of A and three of B fit the 15 registers that V8 leaves. Both
// lie packed (pack.ts), so that the innermost loop reads two streams. It is not unrolled: V8 would move all loads before the first sum and spill registers,
// which halves its speed (docs/decisions/0011-tiles-of-three.md, 0017-matmul-packs-both.md).

/** Most depth of a block: a panel of B of so many rows (36 KB) is read from the first two levels of cache. */
const KC: i32 = 768;
/** Most rows of a block of A: packed, 288 KB of the second-level cache. */
export const MC: i32 = 96;
/** Where in a thread's scratch the packed A ends, zeros lie after a line that its last store overhangs, and the packed B begins. */
const SCRATCH_A: usize = 96 * 768 * 4;
const ZEROS: usize = SCRATCH_A + 64;
const SCRATCH_B: usize = SCRATCH_A + 128;

@inline
function finishVector(c: usize, from: usize, v: v128, cols: i32, relu: i32): void {
  if (cols <= 0) return;
  v = f32x4.add(v128.load(from), v);
  if (relu) v = f32x4.max(v, splat(0));
  if (cols >= 4) v128.store(c, v);
  else storePart(c, v, cols);
}

/** A row of a tile that is not whole, or that is not stored as it is. */
function finishRow(c: usize, from: usize, v0: v128, v1: v128, v2: v128, cols: i32, relu: i32): void {
  finishVector(c, from, v0, cols, relu);
  finishVector(c + 16, from + 16, v1, cols - 4, relu);
  finishVector(c + 32, from + 32, v2, cols - 8, relu);
}

/** A row of a whole tile. */
@inline
function addRow(c: usize, from: usize, v0: v128, v1: v128, v2: v128): void {
  v128.store(c, f32x4.add(v128.load(from), v0));
  v128.store(c, f32x4.add(v128.load(from, 16), v1), 16);
  v128.store(c, f32x4.add(v128.load(from, 32), v2), 32);
}

/** WebAssembly cannot ask for a line of cache ahead of its use, but it can read from it: one word after so many bytes of B. */
const STRETCH: usize = 32 * NR_BYTES;
const LINE: usize = 64;

/**
 * The tiles of `rows` rows of packed A by one panel of B, added to what lies at `from` (a stride of 0 repeats its row) and to a row of `bias`, while
 * the panel at `next` is fetched. Strides in bytes; `cols` says how much of the panel is real. What it returns means nothing,
 * but keeps the reading of `next` alive.
 */
function tiles(
  a: usize, panel: usize, depth: i32, from: usize, fromStride: usize, bias: usize, c: usize, stride: usize,
  rows: i32, cols: i32, relu: i32, next: usize,
): i32 {
  let touched = 0;
  const end = panel + <usize>depth * NR_BYTES;
  for (; rows > 0; rows -= 3) {
    const from1 = from + fromStride;
    const from2 = from1 + fromStride;
    let l = v128.load(bias); let m = v128.load(bias, 16); let r = v128.load(bias, 32); let s = splat(0);
    let l0 = l; let m0 = m; let r0 = r;
    let l1 = l; let m1 = m; let r1 = r;
    let l2 = l; let m2 = m; let r2 = r;
    let b = panel;
    do {
      const stop = min(b + STRETCH, end);
      do {
        l = v128.load(b, 0); m = v128.load(b, 16); r = v128.load(b, 32);
        s = v128.load32_splat(a, 0); l0 = madd(s, l, l0); m0 = madd(s, m, m0); r0 = madd(s, r, r0);
        s = v128.load32_splat(a, 4); l1 = madd(s, l, l1); m1 = madd(s, m, m1); r1 = madd(s, r, r1);
        s = v128.load32_splat(a, 8); l2 = madd(s, l, l2); m2 = madd(s, m, m2); r2 = madd(s, r, r2);
        a += 12;
        b += NR_BYTES;
      } while (b != stop);
      touched ^= load<i32>(next);
      next += LINE;
    } while (b != end);
    const c1 = c + stride;
    const c2 = c1 + stride;
    if (!relu && rows >= 3 && cols >= NR) {
      addRow(c, from, l0, m0, r0);
      addRow(c1, from1, l1, m1, r1);
      addRow(c2, from2, l2, m2, r2);
    } else {
      finishRow(c, from, l0, m0, r0, cols, relu);
      if (rows > 1) finishRow(c1, from1, l1, m1, r1, cols, relu);
      if (rows > 2) finishRow(c2, from2, l2, m2, r2, cols, relu);
    }
    c = c2 + stride;
    from += 3 * fromStride;
  }
  return touched;
}

/** Rows [i0, i1) (at most MC) and panels [p0, p1) of one product with N columns; `stride` is a row's of C. Strides in bytes. */
function block(
  a: usize, aRow: usize, aCol: usize, packed: usize, c: usize, stride: usize,
  i0: i32, i1: i32, p0: i32, p1: i32, N: i32, K: i32, bias: usize, residual: usize, relu: i32, scratch: usize,
): void {
  const zeros = scratch + ZEROS;
  for (let at: usize = 0; at < NR_BYTES; at += 16) v128.store(zeros + at, splat(0));
  let touched = 0;
  const blocks = (K + KC - 1) / KC;
  const most = (K + blocks - 1) / blocks;
  for (let k0 = 0; k0 < K; k0 += most) {
    const depth = min(most, K - k0);
    packA(a + <usize>k0 * aCol + <usize>i0 * aRow, scratch, i1 - i0, depth, aRow, aCol);
    const last = relu && k0 + depth >= K;
    for (let p = p0; p < p1; p++) {
      const column = <usize>p * NR_BYTES;
      const panel = packed + <usize>K * column + <usize>k0 * NR_BYTES;
      const to = c + <usize>i0 * stride + column;
      const next = panel + (p + 1 < p1 ? <usize>K * NR_BYTES : 0);
      const from = k0 > 0 ? to : residual ? to - c + residual : zeros;
      const fromStride = from == zeros ? 0 : stride;
      const row = bias && k0 == 0 ? bias + column : zeros;
      touched ^= tiles(scratch, panel, depth, from, fromStride, row, to, stride, i1 - i0, N - p * NR, last, next);
    }
  }
  store<i32>(zeros, touched, NR_BYTES);
}

/**
 * Blocks [begin, end) of a [batch, rows / rowBlock, panels / colBlock] grid of C = A·B + bias with B packed by packB; of a
 * batch of one also + residual [M, N], where that is not 0.
 * Strides in elements; `bBatch` in panels, 0 where all batches share one B; `scratch` is the first thread's.
 */
export function gemm(
  begin: i32, end: i32, thread: i32,
  a: usize, aRow: i32, aCol: i32, aBatch: i32, packed: usize, bBatch: i32, c: usize,
  M: i32, N: i32, K: i32, bias: usize, relu: i32, residual: usize, rowBlock: i32, colBlock: i32, scratch: usize, scratchStride: usize,
): void {
  const panels = panelsOf(N);
  const rowBlocks = (M + rowBlock - 1) / rowBlock;
  const colBlocks = (panels + colBlock - 1) / colBlock;
  const mine = scratch + <usize>thread * scratchStride;
  for (let item = begin; item < end; item++) {
    const col = item % colBlocks;
    const rest = item / colBlocks;
    const row = rest % rowBlocks;
    const batch = <usize>(rest / rowBlocks);
    block(
      a + ((batch * <usize>aBatch) << 2), <usize>aRow << 2, <usize>aCol << 2,
      packed + batch * <usize>bBatch * (<usize>K * NR_BYTES), c + ((batch * <usize>M * <usize>N) << 2), <usize>N << 2,
      row * rowBlock, min(M, (row + 1) * rowBlock), col * colBlock, min(panels, (col + 1) * colBlock),
      N, K, bias, residual, relu, mine,
    );
  }
}

/** Whole products [begin, end) of a batch, each B packed by the thread that needs it. Strides in elements. */
export function gemmEach(
  begin: i32, end: i32, thread: i32,
  a: usize, aRow: i32, aCol: i32, aBatch: i32, b: usize, kStride: i32, nStride: i32, bBatch: i32, c: usize,
  M: i32, N: i32, K: i32, bias: usize, relu: i32, scratch: usize, scratchStride: usize,
): void {
  const panels = panelsOf(N);
  const mine = scratch + <usize>thread * scratchStride;
  for (let item = begin; item < end; item++) {
    const batch = <usize>item;
    packB(0, panels, thread, b + ((batch * <usize>bBatch) << 2), mine + SCRATCH_B, N, K, kStride, nStride, 0);
    for (let i = 0; i < M; i += MC) {
      block(
        a + ((batch * <usize>aBatch) << 2), <usize>aRow << 2, <usize>aCol << 2, mine + SCRATCH_B,
        c + ((batch * <usize>M * <usize>N) << 2), <usize>N << 2, i, min(M, i + MC), 0, panels, N, K, bias, 0, relu, mine,
      );
    }
  }
}

/**
 * Groups [begin, end) of `group` panels of C = A·B + bias + residual [M, N], each panel of B packed by the thread that multiplies
 * with it. `residual` is 0 where there is none. Strides in elements.
 */
export function gemmPanels(
  begin: i32, end: i32, thread: i32,
  a: usize, aRow: i32, b: usize, kStride: i32, nStride: i32, c: usize,
  M: i32, N: i32, K: i32, bias: usize, relu: i32, residual: usize, group: i32, scratch: usize, scratchStride: usize,
): void {
  const panels = panelsOf(N);
  const mine = scratch + <usize>thread * scratchStride;
  for (let item = begin; item < end; item++) {
    const count = min(group, panels - item * group);
    const first = item * group * NR;
    const column = <usize>first << 2;
    packB(0, count, thread, b + <usize>first * (<usize>nStride << 2), mine + SCRATCH_B, N - first, K, kStride, nStride, 0);
    for (let i = 0; i < M; i += MC) {
      block(
        a, <usize>aRow << 2, 4, mine + SCRATCH_B, c + column, <usize>N << 2, i, min(M, i + MC), 0, count, N - first, K,
        bias ? bias + column : 0, residual ? residual + column : 0, relu, mine,
      );
    }
  }
}
