import { transpose4 } from './transpose';

// What the tiles of matmul.ts read: B in panels of 12 columns ([k][12], zeros beyond the last column), A in panels of 3 rows
// ([k][3]).

/** Columns of a panel, and the bytes of one of its rows. */
export const NR: i32 = 12;
export const NR_BYTES: usize = 48;

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
export function panelsOf(N: i32): i32 {
  return (N + NR - 1) / NR;
}

/** Rows that are packed of all panels before the next ones: neighboring panels share lines of cache. */
const FEW: i32 = 16;

/** Packs panels [begin, end) of a [batch, panels] grid of B. Strides in elements. */
export function packB(
  begin: i32, end: i32, thread: i32,
  b: usize, packed: usize, N: i32, K: i32, kStride: i32, nStride: i32, batchStride: i32,
): void {
  const panels = panelsOf(N);
  const size = <usize>K * NR_BYTES;
  const rows = nStride == 1 ? FEW : K;
  while (begin < end) {
    const batch = begin / panels;
    const first = begin - batch * panels;
    const last = min(panels, first + end - begin);
    for (let k = 0; k < K; k += rows) {
      const from = b + ((<usize>batch * <usize>batchStride + <usize>k * <usize>kStride) << 2);
      const to = packed + <usize>(batch * panels) * size + <usize>k * NR_BYTES;
      for (let p = first; p < last; p++) {
        packPanel(from, to + <usize>p * size, p * NR, N, min(rows, K - k), <usize>kStride << 2, <usize>nStride << 2);
      }
    }
    begin += last - first;
  }
}

/** Columns of A, `size` bytes of a panel apart; see `packA`. */
function packPart(a: usize, to: usize, size: usize, rows: i32, depth: i32, rowStride: usize, kStride: usize): void {
  for (let i = 0; i < rows; i += 3) {
    const a0 = a + <usize>i * rowStride;
    const a1 = i + 1 < rows ? a0 + rowStride : a0;
    const a2 = i + 2 < rows ? a1 + rowStride : a1;
    let at: usize = 0;
    let out = to;
    let k = 0;
    if (kStride == 4) {
      for (; k + 4 <= depth; k += 4) {
        const v0 = v128.load(a0 + at);
        const v1 = v128.load(a1 + at);
        const v2 = v128.load(a2 + at);
        const low = v128.shuffle<i32>(v0, v1, 0, 4, 1, 5);
        const high = v128.shuffle<i32>(v0, v1, 2, 6, 3, 7);
        v128.store(out, v128.shuffle<i32>(low, v2, 0, 1, 4, 4));
        v128.store(out, v128.shuffle<i32>(low, v2, 2, 3, 5, 5), 12);
        v128.store(out, v128.shuffle<i32>(high, v2, 0, 1, 6, 6), 24);
        v128.store(out, v128.shuffle<i32>(high, v2, 2, 3, 7, 7), 36);
        at += 16;
        out += 48;
      }
    } else if (rowStride == 4 && i + 3 <= rows) {
      // an overhanging store must not reach what is packed already
      for (; k + 1 < depth; k++) {
        v128.store(out, v128.load(a0 + at));
        at += kStride;
        out += 12;
      }
    }
    for (; k < depth; k++) {
      store<f32>(out, load<f32>(a0 + at));
      store<f32>(out, load<f32>(a1 + at), 4);
      store<f32>(out, load<f32>(a2 + at), 8);
      at += kStride;
      out += 12;
    }
    to += size;
  }
}

/**
 * Packs `rows` rows of A in panels of 3, of which a last row is repeated; a store may overhang the end by 4 bytes. Strides in
 * bytes. Where rows are not contiguous, few columns at a time.
 */
export function packA(a: usize, to: usize, rows: i32, depth: i32, rowStride: usize, kStride: usize): void {
  const size = <usize>depth * 12;
  const step = kStride == 4 ? depth : FEW;
  for (let k = 0; k < depth; k += step) {
    packPart(a + <usize>k * kStride, to + <usize>k * 12, size, rows, min(step, depth - k), rowStride, kStride);
  }
}
