import { madd, splat, storePart } from './math';

// C = A·B by register tiles of 4 x 8. B lies packed in panels of 8 columns ([k][8], zeros beyond the last column);
// A is read in place where its rows are contiguous, else packed in panels of 4 rows ([k][4]).

/** Depth of a block: a panel of B (16 KB) stays in the first-level cache while it meets all rows of a block of A. */
const KC: i32 = 512;
/** Most rows of a block of A. */
export const MC: i32 = 64;
/** Where in a thread's scratch the packed B begins, after the packed A. */
const SCRATCH_B: usize = 64 * 512 * 4;

const ACCUMULATE: i32 = 1;
const BIAS: i32 = 2;
const RELU: i32 = 4;

@inline
function finish(c: usize, v0: v128, v1: v128, cols: i32, bias: usize, flags: i32): void {
  if (flags & ACCUMULATE) {
    v0 = f32x4.add(v0, v128.load(c));
    v1 = f32x4.add(v1, v128.load(c, 16));
  }
  if (flags & BIAS) {
    v0 = f32x4.add(v0, v128.load(bias));
    v1 = f32x4.add(v1, v128.load(bias, 16));
  }
  if (flags & RELU) {
    v0 = f32x4.max(v0, splat(0));
    v1 = f32x4.max(v1, splat(0));
  }
  if (cols >= 8) {
    v128.store(c, v0);
    v128.store(c, v1, 16);
  } else if (cols > 4) {
    v128.store(c, v0);
    storePart(c + 16, v1, cols - 4);
  } else storePart(c, v0, cols);
}

/** One 4 x 8 tile. A in place: a0 to a3 point to its rows (a repeated pointer where there are fewer than 4). `c` and `stride` in bytes; `rows` and `cols` say how much of the tile is real. */
function tileRows(
  a0: usize, a1: usize, a2: usize, a3: usize, b: usize, depth: i32,
  c: usize, stride: usize, rows: i32, cols: i32, bias: usize, flags: i32,
): void {
  let l0 = splat(0); let r0 = splat(0);
  let l1 = splat(0); let r1 = splat(0);
  let l2 = splat(0); let r2 = splat(0);
  let l3 = splat(0); let r3 = splat(0);
  let l = splat(0); let r = splat(0); let s = splat(0);
  let k = depth;
  for (; k >= 4; k -= 4) {
    l = v128.load(b, 0); r = v128.load(b, 16);
    s = v128.load32_splat(a0, 0); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a1, 0); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a2, 0); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a3, 0); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    l = v128.load(b, 32); r = v128.load(b, 48);
    s = v128.load32_splat(a0, 4); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a1, 4); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a2, 4); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a3, 4); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    l = v128.load(b, 64); r = v128.load(b, 80);
    s = v128.load32_splat(a0, 8); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a1, 8); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a2, 8); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a3, 8); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    l = v128.load(b, 96); r = v128.load(b, 112);
    s = v128.load32_splat(a0, 12); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a1, 12); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a2, 12); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a3, 12); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    a0 += 16; a1 += 16; a2 += 16; a3 += 16;
    b += 128;
  }
  for (; k > 0; k--) {
    l = v128.load(b, 0); r = v128.load(b, 16);
    s = v128.load32_splat(a0, 0); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a1, 0); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a2, 0); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a3, 0); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    a0 += 4; a1 += 4; a2 += 4; a3 += 4;
    b += 32;
  }
  finish(c, l0, r0, cols, bias, flags);
  if (rows > 1) finish(c + stride, l1, r1, cols, bias, flags);
  if (rows > 2) finish(c + 2 * stride, l2, r2, cols, bias, flags);
  if (rows > 3) finish(c + 3 * stride, l3, r3, cols, bias, flags);
}

/** One 4 x 8 tile. A packed: [k][4]. `c` and `stride` in bytes; `rows` and `cols` say how much of the tile is real. */
function tilePacked(
  a: usize, b: usize, depth: i32,
  c: usize, stride: usize, rows: i32, cols: i32, bias: usize, flags: i32,
): void {
  let l0 = splat(0); let r0 = splat(0);
  let l1 = splat(0); let r1 = splat(0);
  let l2 = splat(0); let r2 = splat(0);
  let l3 = splat(0); let r3 = splat(0);
  let l = splat(0); let r = splat(0); let s = splat(0);
  let k = depth;
  for (; k >= 4; k -= 4) {
    l = v128.load(b, 0); r = v128.load(b, 16);
    s = v128.load32_splat(a, 0); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a, 4); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a, 8); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a, 12); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    l = v128.load(b, 32); r = v128.load(b, 48);
    s = v128.load32_splat(a, 16); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a, 20); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a, 24); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a, 28); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    l = v128.load(b, 64); r = v128.load(b, 80);
    s = v128.load32_splat(a, 32); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a, 36); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a, 40); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a, 44); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    l = v128.load(b, 96); r = v128.load(b, 112);
    s = v128.load32_splat(a, 48); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a, 52); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a, 56); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a, 60); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    a += 64;
    b += 128;
  }
  for (; k > 0; k--) {
    l = v128.load(b, 0); r = v128.load(b, 16);
    s = v128.load32_splat(a, 0); l0 = madd(s, l, l0); r0 = madd(s, r, r0);
    s = v128.load32_splat(a, 4); l1 = madd(s, l, l1); r1 = madd(s, r, r1);
    s = v128.load32_splat(a, 8); l2 = madd(s, l, l2); r2 = madd(s, r, r2);
    s = v128.load32_splat(a, 12); l3 = madd(s, l, l3); r3 = madd(s, r, r3);
    a += 16;
    b += 32;
  }
  finish(c, l0, r0, cols, bias, flags);
  if (rows > 1) finish(c + stride, l1, r1, cols, bias, flags);
  if (rows > 2) finish(c + 2 * stride, l2, r2, cols, bias, flags);
  if (rows > 3) finish(c + 3 * stride, l3, r3, cols, bias, flags);
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

/** One panel of 8 columns from column `j`; strides in bytes. */
function packPanel(b: usize, to: usize, j: i32, N: i32, K: i32, kStride: usize, nStride: usize): void {
  const cols = N - j;
  const from = b + <usize>j * nStride;
  if (nStride == 4 && cols >= 8) {
    let at = from;
    for (let k = 0; k < K; k++) {
      v128.store(to, v128.load(at));
      v128.store(to, v128.load(at, 16), 16);
      at += kStride;
      to += 32;
    }
  } else if (kStride == 4 && cols >= 8) {
    let k = 0;
    for (; k + 4 <= K; k += 4) {
      const at = from + (<usize>k << 2);
      const target = to + <usize>k * 32;
      const at4 = at + 4 * nStride;
      transpose4(
        v128.load(at), v128.load(at + nStride), v128.load(at + 2 * nStride), v128.load(at + 3 * nStride), target, 32,
      );
      transpose4(
        v128.load(at4), v128.load(at4 + nStride), v128.load(at4 + 2 * nStride), v128.load(at4 + 3 * nStride),
        target + 16, 32,
      );
    }
    for (; k < K; k++) {
      for (let c = 0; c < 8; c++) {
        store<f32>(to + <usize>(k * 32 + c * 4), load<f32>(from + (<usize>k << 2) + <usize>c * nStride));
      }
    }
  } else {
    for (let k = 0; k < K; k++) {
      for (let c = 0; c < 8; c++) {
        const x = c < cols ? load<f32>(from + <usize>k * kStride + <usize>c * nStride) : <f32>0;
        store<f32>(to + <usize>(k * 32 + c * 4), x);
      }
    }
  }
}

/** Packs panels [begin, end) of a [batch, panels] grid of B. Strides in elements. */
export function packB(
  begin: i32, end: i32, thread: i32,
  b: usize, packed: usize, N: i32, K: i32, kStride: i32, nStride: i32, batchStride: i32,
): void {
  const panels = (N + 7) >> 3;
  for (let item = begin; item < end; item++) {
    const batch = item / panels;
    const from = b + ((<usize>batch * <usize>batchStride) << 2);
    const to = packed + <usize>item * (<usize>K * 32);
    packPanel(from, to, (item - batch * panels) << 3, N, K, <usize>kStride << 2, <usize>nStride << 2);
  }
}

/** Packs `rows` rows of Aᵀ's storage (k outermost) in panels of 4. */
function packA(a: usize, to: usize, rows: i32, depth: i32, rowStride: usize, kStride: usize): void {
  for (let i = 0; i < rows; i += 4) {
    const n = min(4, rows - i);
    let at = a + <usize>i * rowStride;
    if (n == 4 && rowStride == 4) {
      for (let k = 0; k < depth; k++) {
        v128.store(to, v128.load(at));
        at += kStride;
        to += 16;
      }
    } else {
      for (let k = 0; k < depth; k++) {
        for (let r = 0; r < 4; r++) {
          store<f32>(to + (<usize>r << 2), load<f32>(at + <usize>min(r, n - 1) * rowStride));
        }
        at += kStride;
        to += 16;
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
      const panel = packed + (<usize>p * <usize>K + <usize>k0) * 32;
      const cols = N - (p << 3);
      const column = <usize>p << 5;
      for (let i = i0; i < i1; i += 4) {
        const rows = i1 - i;
        const to = c + <usize>i * stride + column;
        if (inPlace) {
          const a0 = from + <usize>i * aRow;
          const a1 = rows > 1 ? a0 + aRow : a0;
          const a2 = rows > 2 ? a1 + aRow : a0;
          const a3 = rows > 3 ? a2 + aRow : a0;
          tileRows(a0, a1, a2, a3, panel, depth, to, stride, rows, cols, bias + column, flags);
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
  const panels = (N + 7) >> 3;
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
      packed + batch * <usize>bBatch * (<usize>K * 32), c + ((batch * <usize>M * <usize>N) << 2),
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
  const panels = (N + 7) >> 3;
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
