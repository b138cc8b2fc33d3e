import * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from '../backend.js';
import type { NativeBuild } from '../functions.js';
import { withScratch } from '../kit.js';
import { ADD, type Call, type FastKernel, sizeOf, vectors, type Wasm } from './kernel.js';

/** Bytes of packed A and of packed B in a thread's scratch; the first as in assembly/matmul.ts. */
const SCRATCH_A = 96 * 768 * 4 + 128;
const SCRATCH_B = 1 << 20;
const SCRATCH = SCRATCH_A + SCRATCH_B;
const ROW_BLOCK = 96;
/** Columns of a panel of packed B. */
const PANEL = 12;
/** Up to so many rows of A, B is read in place: as rows of Bᵀ, as rows of B. */
const FEW_FOR_ROWS = 12;
const FEW_FOR_COLUMNS = 8;
/**
 * Up to so many rows of A, each thread packs the panels of B that it multiplies with, one group after the other: packed B stays in
 * the cache. In WebAssembly, which packs A again for each group, that pays where B is larger than caches are.
 */
const FEW_FOR_PANELS = 512;
const LARGE = 1 << 22;
/** Groups of panels for a thread, about, and the most panels of a group that native code is given. */
const GROUPS_PER_THREAD = 8;
const MOST_PANELS = 8;
/** Columns of a piece where B is read in place as rows of B. */
const PIECE = 512;
/** Rows of a tile. */
const TILE_ROWS = 3;
/** Nanoseconds a multiply-add takes, about. */
const COST = 0.05;
/** The numbers of assembly/matmul.ts; native kernels have their own. */
const BUILD: NativeBuild = { build: 'wasm', panel: PANEL, rows: TILE_ROWS, cost: COST };

/** A stack of matrices: strides in elements, `batch` 0 where all share one. */
export interface Matrices {
  pointer: number;
  row: number;
  column: number;
  batch: number;
}

export interface Product {
  batch: number;
  M: number;
  N: number;
  K: number;
  /** [N], 0 for none. */
  bias?: number;
  relu?: boolean;
  /** [M,N], 0 for none; of a single product without relu. */
  residual?: number;
}

interface Operands extends Required<Omit<Product, 'relu'>> {
  readonly backend: SimdBackend;
  readonly wasm: Wasm;
  readonly a: Matrices;
  readonly b: Matrices;
  readonly c: number;
  /** 0 or 1. */
  readonly relu: number;
  readonly build: NativeBuild;
  /** Nanoseconds of the multiply-adds, about. */
  readonly cost: number;
}

/** C [batch,M,N] = A [batch,M,K] · B [batch,K,N] (+ bias + residual, then relu). */
export function multiply(
  backend: SimdBackend,
  wasm: Wasm,
  a: Matrices,
  b: Matrices,
  c: number,
  product: Product,
): void {
  const { batch, M, N, K, bias = 0, residual = 0 } = product;
  const build = wasm.gemm.native ?? BUILD;
  const cost = batch * M * N * K * build.cost;
  const relu = product.relu ? 1 : 0;
  const operands = { backend, wasm, a, b, c, batch, M, N, K, bias, residual, relu, build, cost };
  if (!multiplyInPlace(operands) && !multiplyByPanels(operands)) multiplyPacked(operands);
}

/** Products with few rows, which read B where it lies. @returns whether it was one */
function multiplyInPlace({ backend, wasm, a, b, c, batch, M, N, K, bias, residual, relu, cost }: Operands): boolean {
  if (batch > 1 || M > FEW_FOR_ROWS || a.column !== 1 || (a.row !== K && M > 1)) return false;
  const byRows = b.row === 1 && b.column === K;
  if (!byRows && (b.column !== 1 || b.row !== N || M > FEW_FOR_COLUMNS)) return false;
  const items = byRows ? Math.ceil(N / 2) : Math.ceil(N / PIECE);
  const rest = [a.pointer, b.pointer, c, M, N, K, bias, relu];
  backend.run(byRows ? wasm.gemvRows : wasm.gemvColumns, items, N * K * 0.4 + cost, ...rest);
  if (residual) backend.run(wasm.binaryFlat, vectors(M * N), M * N * 0.3, ADD, c, residual, c, 1, 1);
  return true;
}

/** Products of which each thread packs the panels of B that it multiplies with. @returns whether it was one */
function multiplyByPanels(operands: Operands): boolean {
  const { backend, wasm, a, b, c, batch, M, N, K, bias, residual, relu, build, cost } = operands;
  const native = wasm.gemmPanels.native !== undefined;
  const { threads } = backend.pool;
  const panels = Math.ceil(N / build.panel);
  // native code packs one panel at a time, a block of its depth
  const most = native ? MOST_PANELS : Math.floor(SCRATCH_B / (K * build.panel * 4));
  const group = Math.min(most, Math.ceil(panels / (threads * GROUPS_PER_THREAD)));
  const pays = native || N * K >= LARGE;
  if (batch > 1 || a.column !== 1 || M > FEW_FOR_PANELS || group === 0 || !pays) return false;
  withScratch(backend, SCRATCH * threads, (scratch) => {
    const pointers = [a.pointer, a.row, b.pointer, b.row, b.column, c];
    const rest = [M, N, K, bias, relu, residual, group, scratch, SCRATCH];
    backend.run(wasm.gemmPanels, Math.ceil(panels / group), cost + N * K * 0.2, ...pointers, ...rest);
  });
  return true;
}

/** Products of which B is packed first, by all threads, unless there are many small ones. */
function multiplyPacked(operands: Operands): void {
  const { backend, wasm, a, b, c, batch, M, N, K, bias, residual, relu, build, cost } = operands;
  const panels = Math.ceil(N / build.panel);
  const panelBytes = K * build.panel * 4;
  const { threads } = backend.pool;
  const tail = [M, N, K, bias, relu];
  const left = [a.pointer, a.row, a.column, a.batch];
  withScratch(backend, SCRATCH * threads, (scratch) => {
    if (batch >= 2 * threads && b.batch !== 0 && panels * panelBytes <= SCRATCH_B) {
      const right = [b.pointer, b.row, b.column, b.batch];
      backend.run(wasm.gemmEach, batch, cost, ...left, ...right, c, ...tail, scratch, SCRATCH);
      return;
    }
    const batches = b.batch === 0 ? 1 : batch;
    withScratch(backend, batches * panels * panelBytes, (packed) => {
      const right = [N, K, b.row, b.column, b.batch];
      backend.run(wasm.packB, batches * panels, batches * N * K * 0.5, b.pointer, packed, ...right);
      const { rowBlock, colBlock } = blocks(M, panels, threads, build.rows);
      const items = batch * Math.ceil(M / rowBlock) * Math.ceil(panels / colBlock);
      const grid = [residual, rowBlock, colBlock, scratch, SCRATCH];
      backend.run(wasm.gemm, items, cost, ...left, packed, b.batch === 0 ? 0 : panels, c, ...tail, ...grid);
    });
  });
}

/** Rows and panels of a block, so that there are as many blocks of one size as all threads can share evenly. */
function blocks(M: number, panels: number, threads: number, tileRows: number): { rowBlock: number; colBlock: number } {
  const rows = Math.ceil(M / ROW_BLOCK);
  const even = rows < threads ? rows : Math.ceil(rows / threads) * threads;
  const rowBlock = Math.ceil(M / even / tileRows) * tileRows;
  const parts = threads === 1 ? 1 : Math.ceil((threads * 16) / Math.ceil(M / rowBlock));
  return { rowBlock, colBlock: Math.max(1, Math.ceil(panels / parts)) };
}

interface Attributes {
  transposeA: boolean;
  transposeB: boolean;
  activation?: string;
}

function matMul({ backend, wasm, inputs, attrs }: Call, bias?: tf.TensorInfo, relu = false): tf.TensorInfo | undefined {
  const { transposeA, transposeB } = attrs as unknown as Attributes;
  const a = inputs.a!;
  const b = inputs.b!;
  if (a.dtype !== 'float32' || b.dtype !== 'float32') return undefined;
  const [aRows, aColumns] = a.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = b.shape.slice(-2) as [number, number];
  const [M, K] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [inner, N] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (inner !== K || (bias && (sizeOf(bias) !== N || bias.shape.at(-1) !== N))) return undefined;
  const outerA = a.shape.slice(0, -2);
  const outerB = b.shape.slice(0, -2);
  const outer = tf.broadcast_util.assertAndGetBroadcastShape(outerA, outerB);
  const shape = [...outer, M, N];
  if (K === 0 || sizeOf({ shape }) === 0) return undefined;
  const batch = tf.util.sizeFromShape(outer);
  const batchA = tf.util.sizeFromShape(outerA);
  const batchB = tf.util.sizeFromShape(outerB);
  if ((batchA !== batch && batchA !== 1) || (batchB !== batch && batchB !== 1)) return undefined;
  const y = backend.output(shape);
  const left = matrices(backend, a, { transposed: transposeA, shared: batchA === 1 });
  const right = matrices(backend, b, { transposed: transposeB, shared: batchB === 1 });
  const rest = { N, K, relu, bias: bias ? backend.pointer(bias) : 0 };
  const flat = batchB === 1 && batchA === batch && !transposeA;
  const product = flat ? { batch: 1, M: batch * M, ...rest } : { batch, M, ...rest };
  multiply(backend, wasm, left, right, backend.pointer(y), product);
  return y;
}

function matrices(
  backend: SimdBackend,
  x: tf.TensorInfo,
  { transposed, shared }: { transposed: boolean; shared: boolean },
): Matrices {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const [row, column] = transposed ? [1, columns] : [columns, 1];
  return { pointer: backend.pointer(x), row, column, batch: shared ? 0 : rows * columns };
}

const fusedMatMul: FastKernel = (call) => {
  const { activation } = call.attrs as unknown as Attributes;
  if (activation && activation !== 'linear' && activation !== 'relu') return undefined;
  return matMul(call, call.inputs.bias, activation === 'relu');
};

export const matmulKernels: Record<string, FastKernel> = {
  BatchMatMul: (call) => matMul(call),
  _FusedMatMul: fusedMatMul,
};
