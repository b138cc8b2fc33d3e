import { scalesOf, sumsOf, blocksOf } from './activations';
import { splat, storePart } from './math';
import { I8, Q4_0, Q4_1, Q4_K, Q8_0, rowBytes } from './quantized-formats';
import { pairI8, pairQ4_0, second } from './quantized-pairs';
import { quadI8, quadQ4_0, quadQ4_1, quadQ4_K, quadQ6_K, quadQ8_0 } from './quantized-quads';

// Products of rows of activations, as int8 in blocks of 32 (activations.ts), with packed weights [N,K], read in place. Four rows
// of the weight go side by side, a row a lane. The sum of a block is a whole number, exact in any order; blocks are added up one
// after the other, in float32 by a multiplication and an addition each, never fused: so every build gives the same bits.

/** Rows of the weight of an item of work. */
const ITEM: i32 = 32;

/** What of a row of y is multiplied and added, and stored: four columns from byte `column` of a row on, of which there are `rows`. */
@inline
function finish(
  v: v128, y: usize, at: usize, column: usize, rows: i32, factors: usize, bias: usize, residual: usize,
): void {
  if (factors) v = f32x4.mul(v, v128.load(factors + column));
  if (bias) v = f32x4.add(v, v128.load(bias + column));
  if (residual) v = f32x4.add(v, v128.load(residual + at));
  storePart(y + at, v, rows);
}

/**
 * Items [begin, end) of 32 columns of y [M,N] = x [M,K] · wᵀ + bias + residual; x as activations.ts has it, `factors` [N] of
 * I8 alone; bias and residual are 0 for none.
 */
export function quantizedProduct(
  begin: i32, end: i32, thread: i32,
  format: i32, w: usize, factors: usize, x: usize, y: usize, M: i32, N: i32, K: i32, bias: usize, residual: usize,
): void {
  const bytes = rowBytes(format, K);
  const blocks = blocksOf(K);
  const scales = scalesOf(x, M, K);
  const blockSums = sumsOf(x, M, K);
  const factorsOfRows = format == I8 ? factors : 0;
  const width = <usize>N << 2;
  const paired = format == I8 || format == Q4_0 ? M & ~1 : 0;
  for (let item = begin; item < end; item++) {
    const last = min(N, (item + 1) * ITEM);
    for (let m = 0; m < M; ) {
      const both = m < paired;
      const first = <usize>m * <usize>blocks;
      const next = first + <usize>blocks;
      const x0 = x + (first << 5);
      const scale0 = scales + (first << 2);
      const sum0 = blockSums + (first << 3);
      const x1 = x + (next << 5);
      const scale1 = scales + (next << 2);
      const sum1 = blockSums + (next << 3);
      for (let n = item * ITEM; n < last; n += 4) {
        const rows = last - n;
        const p0 = w + <usize>n * bytes;
        const p1 = rows > 1 ? p0 + bytes : p0;
        const p2 = rows > 2 ? p1 + bytes : p0;
        const p3 = rows > 3 ? p2 + bytes : p0;
        let v = splat(0);
        if (both) {
          if (format == I8) v = pairI8(p0, p1, p2, p3, x0, x1, scale0, scale1, blocks);
          else v = pairQ4_0(p0, p1, p2, p3, x0, x1, scale0, scale1, sum0, sum1, blocks);
        } else {
          switch (format) {
            case I8: v = quadI8(p0, p1, p2, p3, x0, scale0, blocks); break;
            case Q8_0: v = quadQ8_0(p0, p1, p2, p3, x0, scale0, blocks); break;
            case Q4_0: v = quadQ4_0(p0, p1, p2, p3, x0, scale0, sum0, blocks); break;
            case Q4_1: v = quadQ4_1(p0, p1, p2, p3, x0, scale0, sum0, blocks); break;
            case Q4_K: v = quadQ4_K(p0, p1, p2, p3, x0, scale0, sum0, blocks); break;
            default: v = quadQ6_K(p0, p1, p2, p3, x0, scale0, sum0, blocks);
          }
        }
        const column = <usize>n << 2;
        const at = <usize>m * width + column;
        finish(v, y, at, column, rows, factorsOfRows, bias, residual);
        if (both) finish(second, y, at + width, column, rows, factorsOfRows, bias, residual);
      }
      m += both ? 2 : 1;
    }
  }
}
