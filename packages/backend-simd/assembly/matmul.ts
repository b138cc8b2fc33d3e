import { madd, splat, storePart } from './math';

// C = A·B by register tiles of 3 x 12, which with a vector of A and three of B fit the 15 registers that V8 leaves. B lies
// packed in panels of 12 columns ([k][12], zeros beyond the last column); A is read in place where its rows are contiguous,
// else packed in panels of 3 rows ([k][3]). The loops over k are not unrolled: V8 spills registers when they are, which
// halves their speed (docs/decisions/0011-tiles-of-three.md).

/** Columns of a panel, and the bytes of one of its rows. */
const NR: i32 = 12;
const NR_BYTES: usize = 48;
/** Depth of a block: a panel of B (18 KB) stays in the first-level cache while it meets all rows of a block of A. */
const KC: i32 = 384;
/** Most rows of a block of A. */
export const MC: i32 = 63;
/** Where in a thread's scratch the packed B begins, after the packed A. */
const SCRATCH_B: usize = 64 * 512 * 4;

const ACCUMULATE: i32 = 1;
const BIAS: i32 = 2;
const RELU: i32 = 4;

@inline
function finishVector(c: usize, v: v128, cols: i32, bias: usize, flags: i32): void {
  if (cols <= 0) return;
  if (flags & ACCUMULATE) v = f32x4.add(v, v128.load(c));
  if (flags & BIAS) v = f32x4.add(v, v128.load(bias));
  if (flags & RELU) v = f32x4.max(v, splat(0));
  if (cols >= 4) v128.store(c, v);
  else storePart(c, v, cols);
}

@inline
function finish(c: usize, v0: v128, v1: v128, v2: v128, cols: i32, bias: usize, flags: i32): void {
  if (flags == 0 && cols >= NR) {
    v128.store(c, v0);
    v128.store(c, v1, 16);
    v128.store(c, v2, 32);
    return;
  }
  finishVector(c, v0, cols, bias, flags);
  finishVector(c + 16, v1, cols - 4, bias + 16, flags);
  finishVector(c + 32, v2, cols - 8, bias + 32, flags);
}

/** One 3 x 12 tile. A in place: a0 to a2 point to its rows (a repeated pointer where there are fewer). `c` and `stride` in bytes; `rows` and `cols` say how much of the tile is real. */
function tileRows(
  a0: usize, a1: usize, a2: usize, b: usize, depth: i32,
  c: usize, stride: usize, rows: i32, cols: i32, bias: usize, flags: i32,
): void {
  let l0 = splat(0); let m0 = splat(0); let r0 = splat(0);
  let l1 = splat(0); let m1 = splat(0); let r1 = splat(0);
  let l2 = splat(0); let m2 = splat(0); let r2 = splat(0);
  let l = splat(0); let m = splat(0); let r = splat(0); let s = splat(0);
  for (let k = 0; k < depth; k++) {
    l = v128.load(b, 0); m = v128.load(b, 16); r = v128.load(b, 32);
    s = v128.load32_splat(a0); l0 = madd(s, l, l0); m0 = madd(s, m, m0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a1); l1 = madd(s, l, l1); m1 = madd(s, m, m1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a2); l2 = madd(s, l, l2); m2 = madd(s, m, m2); r2 = madd(s, r, r2);
    a0 += 4; a1 += 4; a2 += 4;
    b += NR_BYTES;
  }
  finish(c, l0, m0, r0, cols, bias, flags);
  if (rows > 1) finish(c + stride, l1, m1, r1, cols, bias, flags);
  if (rows > 2) finish(c + 2 * stride, l2, m2, r2, cols, bias, flags);
}

/** One 3 x 12 tile. A packed: [k][3]. `c` and `stride` in bytes; `rows` and `cols` say how much of the tile is real. */
function tilePacked(
  a: usize, b: usize, depth: i32,
  c: usize, stride: usize, rows: i32, cols: i32, bias: usize, flags: i32,
): void {
  let l0 = splat(0); let m0 = splat(0); let r0 = splat(0);
  let l1 = splat(0); let m1 = splat(0); let r1 = splat(0);
  let l2 = splat(0); let m2 = splat(0); let r2 = splat(0);
  let l = splat(0); let m = splat(0); let r = splat(0); let s = splat(0);
  for (let k = 0; k < depth; k++) {
    l = v128.load(b, 0); m = v128.load(b, 16); r = v128.load(b, 32);
    s = v128.load32_splat(a, 0); l0 = madd(s, l, l0); m0 = madd(s, m, m0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a, 4); l1 = madd(s, l, l1); m1 = madd(s, m, m1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a, 8); l2 = madd(s, l, l2); m2 = madd(s, m, m2); r2 = madd(s, r, r2);
    a += 12;
    b += NR_BYTES;
  }
  finish(c, l0, m0, r0, cols, bias, flags);
  if (rows > 1) finish(c + stride, l1, m1, r1, cols, bias, flags);
  if (rows > 2) finish(c + 2 * stride, l2, m2, r2, cols, bias, flags);
}

/** Four rows of four become four columns. */
@inline
function transpose4(v0: v128, v1: v128, v2: v128, v3: v128, to: usize, step: usize): void {
  const t0 = v128.shuffle<i32>(v0, v1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(v0, v1, 2, 6, 3, 7);
  const t2 = v128.shuffle<i32>(v2, v3, 0, 4, 1, 5);
  const t3 = v128.shuffle<i32>(v2, v3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(t0, t2, 0, 2));
  v128.store(to + step, v128.shuffle<i64>(t0, t2, 1, 3));
  v128.store(to + 2 * step, v128.shuffle<i64>(t1, t3, 0, 2));
  v128.store(to + 3 * step, v128.shuffle<i64>(t1, t3, 1, 3));
}

/** One panel of 12 columns from column `j`; strides in bytes. */
function packPanel(b: usize, to: usize, j: i32, N: i32, K: i32, kStride: usize, nStride: usize): void {
  const cols = N - j;
  const from = b + <usize>j * nStride;
  if (nStride == 4 && cols >= NR) {
    let at = from;
    for (let k = 0; k < K; k++) {
      v128.store(to, v128.load(at));
      v128.store(to, v128.load(at, 16), 16);
      v128.store(to, v128.load(at, 32), 32);
      at += kStride;
      to += NR_BYTES;
    }
  } else if (kStride == 4 && cols >= NR) {
    let k = 0;
    for (; k + 4 <= K; k += 4) {
      for (let c = 0; c < NR; c += 4) {
        const at = from + (<usize>k << 2) + <usize>c * nStride;
        const target = to + <usize>k * NR_BYTES + (<usize>c << 2);
        transpose4(
          v128.load(at), v128.load(at + nStride), v128.load(at + 2 * nStride), v128.load(at + 3 * nStride),
          target, NR_BYTES,
        );
      }
    }
    for (; k < K; k++) {
      for (let c = 0; c < NR; c++) {
        store<f32>(to + <usize>k * NR_BYTES + (<usize>c << 2), load<f32>(from + (<usize>k << 2) + <usize>c * nStride));
      }
    }
  } else {
    for (let k = 0; k < K; k++) {
      for (let c = 0; c < NR; c++) {
        const x = c < cols ? load<f32>(from + <usize>k * kStride + <usize>c * nStride) : <f32>0;
        store<f32>(to + <usize>k * NR_BYTES + (<usize>c << 2), x);
      }
    }
  }
}

@inline
function panelsOf(N: i32): i32 {
  return (N + NR - 1) / NR;
}

/** Packs panels [begin, end) of a [batch, panels] grid of B. Strides in elements. */
export function packB(
  begin: i32, end: i32, thread: i32,
  b: usize, packed: usize, N: i32, K: i32, kStride: i32, nStride: i32, batchStride: i32,
): void {
  const panels = panelsOf(N);
  for (let item = begin; item < end; item++) {
    const batch = item / panels;
    const from = b + ((<usize>batch * <usize>batchStride) << 2);
    const to = packed + <usize>item * (<usize>K * NR_BYTES);
    packPanel(from, to, (item - batch * panels) * NR, N, K, <usize>kStride << 2, <usize>nStride << 2);
  }
}

/** Packs `rows` rows of Aᵀ's storage (k outermost) in panels of 3; up to 4 bytes beyond the last are written too. */
function packA(a: usize, to: usize, rows: i32, depth: i32, rowStride: usize, kStride: usize): void {
  for (let i = 0; i < rows; i += 3) {
    const n = min(3, rows - i);
    let at = a + <usize>i * rowStride;
    if (n == 3 && rowStride == 4) {
      for (let k = 0; k < depth; k++) {
        v128.store(to, v128.load(at));
        at += kStride;
        to += 12;
      }
    } else {
      for (let k = 0; k < depth; k++) {
        for (let r = 0; r < 3; r++) {
          store<f32>(to + (<usize>r << 2), load<f32>(at + <usize>min(r, n - 1) * rowStride));
        }
        at += kStride;
        to += 12;
      }
    }
  }
}

/** Rows [i0, i1) (at most MC) and panels [p0, p1) of one product. Strides in bytes. */
function block(
  a: usize, aRow: usize, aCol: usize, packed: usize, c: usize,
  i0: i32, i1: i32, p0: i32, p1: i32, N: i32, K: i32, bias: usize, relu: i32, scratch: usize,
): void {
  const stride = <usize>N << 2;
  const inPlace = aCol == 4;
  for (let k0 = 0; k0 < K; k0 += KC) {
    const depth = min(KC, K - k0);
    const from = a + <usize>k0 * aCol;
    if (!inPlace) packA(from + <usize>i0 * aRow, scratch, i1 - i0, depth, aRow, aCol);
    let flags = k0 > 0 ? ACCUMULATE : 0;
    if (k0 + depth >= K) flags |= (bias ? BIAS : 0) | (relu ? RELU : 0);
    for (let p = p0; p < p1; p++) {
      const panel = packed + (<usize>p * <usize>K + <usize>k0) * NR_BYTES;
      const cols = N - p * NR;
      const column = <usize>p * NR_BYTES;
      for (let i = i0; i < i1; i += 3) {
        const rows = i1 - i;
        const to = c + <usize>i * stride + column;
        if (inPlace) {
          const a0 = from + <usize>i * aRow;
          const a1 = rows > 1 ? a0 + aRow : a0;
          const a2 = rows > 2 ? a1 + aRow : a0;
          tileRows(a0, a1, a2, panel, depth, to, stride, rows, cols, bias + column, flags);
        } else {
          const a0 = scratch + <usize>(i - i0) * (<usize>depth << 2);
          tilePacked(a0, panel, depth, to, stride, rows, cols, bias + column, flags);
        }
      }
    }
  }
}

/**
 * Blocks [begin, end) of a [batch, rows / rowBlock, panels / colBlock] grid of C = A·B + bias with B packed by packB.
 * Strides in elements; `bBatch` in panels, 0 where all batches share one B; `scratch` is the first thread's.
 */
export function gemm(
  begin: i32, end: i32, thread: i32,
  a: usize, aRow: i32, aCol: i32, aBatch: i32, packed: usize, bBatch: i32, c: usize,
  M: i32, N: i32, K: i32, bias: usize, relu: i32, rowBlock: i32, colBlock: i32, scratch: usize, scratchStride: usize,
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
      packed + batch * <usize>bBatch * (<usize>K * NR_BYTES), c + ((batch * <usize>M * <usize>N) << 2),
      row * rowBlock, min(M, (row + 1) * rowBlock), col * colBlock, min(panels, (col + 1) * colBlock),
      N, K, bias, relu, mine,
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
        c + ((batch * <usize>M * <usize>N) << 2), i, min(M, i + MC), 0, panels, N, K, bias, relu, mine,
      );
    }
  }
}
