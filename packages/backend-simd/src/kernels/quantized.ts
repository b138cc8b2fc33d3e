import type * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from '../backend.js';
import { withScratch } from '../kit.js';
import { formOf } from './gelu.js';
import { type Call, type FastKernel, sizeOf, vectors, type Wasm } from './kernel.js';
import { multiply } from './matmul.js';

// Ops over matrices that stay packed, QuantizedMatrix of @blip2/tensor. Blocks are read in place, and activations are rounded to int8
// in blocks of 32; for weights in half precision they stay float32. For many rows of x, weights in half precision and in the formats
// that only GGUF files have are unpacked, part by part, whose products are then those of float32.

/** By format: its number in assembly/quantized-formats.ts and unpack.ts, values and bytes of a block, and nanoseconds of a multiply-add. */
const FORMATS: Readonly<Record<string, { id: number; values: number; bytes: number; cost: number }>> = {
  I8: { id: 0, values: 1, bytes: 1, cost: 0.05 },
  Q8_0: { id: 1, values: 32, bytes: 34, cost: 0.06 },
  Q4_0: { id: 2, values: 32, bytes: 18, cost: 0.05 },
  Q4_1: { id: 3, values: 32, bytes: 20, cost: 0.05 },
  Q4_K: { id: 4, values: 256, bytes: 144, cost: 0.07 },
  Q6_K: { id: 5, values: 256, bytes: 210, cost: 0.1 },
  F16: { id: 6, values: 1, bytes: 2, cost: 0.15 },
  BF16: { id: 7, values: 1, bytes: 2, cost: 0.1 },
};
/** Their products read blocks in place for any number of rows of x. */
const IN_PLACE: readonly number[] = [0, 2];
const F16 = 6;
/** Rows of the weight of an item of work, as in assembly/quantized.ts. */
export const ITEM = 32;
/** Up to so many rows of x weights of other formats are read in place. */
const FEW = 16;
const FEW_FOR_HALVES = 12;
/** Rows that are unpacked at once. */
const PART = 768;

/** A packed matrix in the heap. */
export interface Packed {
  readonly id: number;
  /** Nanoseconds of a multiply-add, about. */
  readonly cost: number;
  readonly pointer: number;
  /** Of the scales of I8, else 0. */
  readonly factors: number;
  readonly rows: number;
  readonly width: number;
}

const packedOf = ({ backend, inputs, attrs }: Call): Packed =>
  packedMatrix(
    backend,
    inputs as { words: tf.TensorInfo; scales?: tf.TensorInfo },
    attrs as { format: string; shape: readonly [number, number] },
  );

/** @throws for a format that is not known, and words that are fewer than format and shape need */
export function packedMatrix(
  backend: SimdBackend,
  { words, scales }: { words: tf.TensorInfo; scales?: tf.TensorInfo | undefined },
  { format, shape }: { format: string; shape: readonly [number, number] },
): Packed {
  const known = FORMATS[format];
  if (!known) throw new Error(`The simd backend has no kernels for matrices that are packed as ${format}.`);
  const [rows, width] = shape;
  const { id, values, bytes, cost } = known;
  const needed = Math.ceil((rows * width * bytes) / values / 4);
  if (width % values !== 0 || sizeOf(words) < needed || (format === 'I8' && (!scales || sizeOf(scales) !== rows)))
    throw new Error(
      `A ${format} matrix [${shape}] needs ${needed} words and whole blocks; it has ${sizeOf(words)} words.`,
    );
  return { id, cost, pointer: backend.pointer(words), factors: scales ? backend.pointer(scales) : 0, rows, width };
}

/** y [...,N] = act(x) [...,K] · Wᵀ + bias [N] + residual [...,N], of which bias and residual may be missing. */
const quantizedLinear: FastKernel = (call) => {
  const { backend, wasm, inputs, attrs } = call;
  const { x, bias, residual } = inputs as { x: tf.TensorInfo } & Record<string, tf.TensorInfo>;
  const w = packedOf(call);
  const lead = x.shape.slice(0, -1);
  const M = sizeOf({ shape: lead });
  const y = backend.output([...lead, w.rows]);
  if (sizeOf(y) === 0) return y;
  const pointerOf = (t: tf.TensorInfo | undefined): number => (t ? backend.pointer(t) : 0);
  const addends = { bias: pointerOf(bias), residual: pointerOf(residual) };
  const times = (x: number): void => {
    const given = readsActivations(attrs.format as string, M) ? { x, M, K: w.width } : undefined;
    withActivations(backend, wasm, given, (activations) => {
      packedProduct(backend, wasm, w, { x, activations, y: backend.pointer(y), M, ...addends });
    });
  };
  if (attrs.activation === 'none') times(backend.pointer(x));
  else {
    const size = sizeOf(x);
    withScratch(backend, size * 4, (activated) => {
      const form = formOf(attrs.activation);
      backend.run(wasm.gelu, vectors(size), size * 1.5, form, backend.pointer(x), activated);
      times(activated);
    });
  }
  return y;
};

/** Places of x [M,K], its activations, y [M,N], bias [N] and residual [M,N], the last two 0 for none. */
interface Rows {
  readonly x: number;
  /** x rounded to int8, for those products that read it so. */
  readonly activations: number;
  readonly y: number;
  readonly M: number;
  readonly bias: number;
  readonly residual: number;
}

/** Whether a product reads its matrix in place and `M` rows of x as int8. */
export function readsActivations(format: string, M: number): boolean {
  const id = FORMATS[format]?.id ?? F16;
  return id < F16 && (M <= FEW || IN_PLACE.includes(id));
}

/** Calls `f` with rows of x [M,K] as int8 in blocks of 32 (assembly/activations.ts); with 0 where none are given. */
export function withActivations(
  backend: SimdBackend,
  wasm: Wasm,
  given: { readonly x: number; readonly M: number; readonly K: number } | undefined,
  f: (activations: number) => void,
): void {
  if (!given) {
    f(0);
    return;
  }
  const { x, M, K } = given;
  const size = M * Math.ceil(K / 32) * (32 + 4 + 8);
  withScratch(backend, size + 128 * backend.pool.threads, (activations) => {
    backend.run(wasm.quantizeActivations, M, M * K, x, activations, M, K, activations + size);
    f(activations);
  });
}

/** y = x · Wᵀ + bias + residual, in the way that suits the format and the number of rows; see `readsActivations`. */
export function packedProduct(backend: SimdBackend, wasm: Wasm, w: Packed, rows: Rows): void {
  const halves = w.id >= F16;
  if (halves && rows.M <= FEW_FOR_HALVES) halfProduct(backend, wasm, w, rows);
  else if (!halves && (rows.M <= FEW || IN_PLACE.includes(w.id))) quantizedProduct(backend, wasm, w, rows);
  else unpackedProduct(backend, wasm, w, rows);
}

function quantizedProduct(backend: SimdBackend, wasm: Wasm, w: Packed, rows: Rows): void {
  const { activations, y, M, bias, residual } = rows;
  const { rows: N, width: K } = w;
  const places = [w.id, w.pointer, w.factors, activations, y];
  backend.run(wasm.quantizedProduct, Math.ceil(N / ITEM), M * N * K * w.cost, ...places, M, N, K, bias, residual);
}

function halfProduct(backend: SimdBackend, wasm: Wasm, w: Packed, { x, y, M, bias, residual }: Rows): void {
  const { rows: N, width: K } = w;
  const tail = [M, N, K, bias, residual];
  backend.run(wasm.halfProduct, N, M * N * K * w.cost, w.id - F16, w.pointer, x, y, ...tail);
}

/** By parts of the weight's rows that are unpacked one after the other. */
function unpackedProduct(backend: SimdBackend, wasm: Wasm, w: Packed, { x, y, M, bias, residual }: Rows): void {
  const { rows: N, width: K } = w;
  inParts(backend, wasm, w, (part, first, count) => {
    const left = { pointer: x, row: K, column: 1, batch: 0 };
    const right = { pointer: part, row: 1, column: K, batch: 0 };
    const own = { batch: 1, M, N: count, K, bias: bias && bias + 4 * first };
    withScratch(backend, M * count * 4, (columns) => {
      multiply(backend, wasm, left, right, columns, own);
      placeColumns(backend, {
        from: columns,
        count,
        to: y + 4 * first,
        stride: N,
        rows: M,
        residual: residual && residual + 4 * first,
      });
    });
  });
}

/** Unpacks parts of a weight one after the other: `count` rows from `first` on, to `part`. */
function inParts(
  backend: SimdBackend,
  wasm: Wasm,
  w: Packed,
  f: (part: number, first: number, count: number) => void,
): void {
  const most = Math.min(PART, w.rows);
  withScratch(backend, most * w.width * 4, (part) => {
    for (let first = 0; first < w.rows; first += most) {
      const count = Math.min(most, w.rows - first);
      unpack(backend, wasm, w, { ids: 0, first, count, to: part });
      f(part, first, count);
    }
  });
}

/** Writes `count` columns of rows that lie together to their places in rows of `stride` columns, with a residual of these added. */
function placeColumns(
  backend: SimdBackend,
  {
    from,
    count,
    to,
    stride,
    rows,
    residual,
  }: { from: number; count: number; to: number; stride: number; rows: number; residual: number },
): void {
  const floats = new Float32Array(backend.heap.buffer);
  for (let row = 0; row < rows; row++) {
    const [source, target, more] = [from / 4 + row * count, to / 4 + row * stride, residual / 4 + row * stride];
    if (residual) for (let i = 0; i < count; i++) floats[target + i] = floats[source + i]! + floats[more + i]!;
    else floats.copyWithin(target, source, source + count);
  }
}

/** Unpacks `count` rows from `first` on, or those at the address `ids`. */
function unpack(
  backend: SimdBackend,
  wasm: Wasm,
  w: Packed,
  { ids, first, count, to }: { ids: number; first: number; count: number; to: number },
): void {
  const { id, pointer, factors, width } = w;
  backend.run(wasm.unpackRows, count, count * width * 0.7, id, pointer, factors, ids, first, to, width);
}

/** dx [M,K] = dy [M,N] · W, by parts of W's rows that are unpacked one after the other. */
const quantizedLinearGrad: FastKernel = (call) => {
  const { backend, wasm } = call;
  const dy = call.inputs.dy as tf.TensorInfo;
  const w = packedOf(call);
  const M = dy.shape[0] as number;
  const { rows: N, width: K } = w;
  const dx = backend.output([M, K]);
  if (sizeOf(dx) === 0) return dx;
  const [from, to] = [backend.pointer(dy), backend.pointer(dx)];
  if (N === 0) new Float32Array(backend.heap.buffer, to, M * K).fill(0);
  inParts(backend, wasm, w, (part, first, count) => {
    const left = { pointer: from + 4 * first, row: N, column: 1, batch: 0 };
    const right = { pointer: part, row: K, column: 1, batch: 0 };
    multiply(backend, wasm, left, right, to, { batch: 1, M, N: K, K: count, residual: first > 0 ? to : 0 });
  });
  return dx;
};

/** Rows of a packed matrix by ids, as float32. */
const quantizedGather: FastKernel = (call) => {
  const { backend, wasm } = call;
  const ids = call.inputs.ids as tf.TensorInfo;
  const w = packedOf(call);
  for (const id of backend.data.get(ids.dataId).values as Int32Array) {
    if (!(id >= 0 && id < w.rows)) throw new Error(`The id ${id} is no row of a matrix of ${w.rows} rows.`);
  }
  const y = backend.output([...ids.shape, w.width]);
  if (sizeOf(y) > 0)
    unpack(backend, wasm, w, { ids: backend.pointer(ids), first: 0, count: sizeOf(ids), to: backend.pointer(y) });
  return y;
};

export const quantizedKernels: Record<string, FastKernel> = {
  QuantizedLinear: quantizedLinear,
  QuantizedLinearGrad: quantizedLinearGrad,
  QuantizedGather: quantizedGather,
};
