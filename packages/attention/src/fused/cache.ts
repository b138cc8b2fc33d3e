import type { KernelCall, SimdBackend } from '@blip2/backend-simd';
import type * as tf from '@tensorflow/tfjs';
import { attention, type Tools } from './kernels.js';
import { rotaryKernel } from './rotary.js';

type Named = Record<'x' | 'next' | 'from' | 'to', tf.TensorInfo>;

/** The kernel of `appendRows`; it writes into x and has no outputs. */
export function appendRowsKernel({ backend, inputs, attrs }: KernelCall): tf.TensorInfo[] {
  const { x, next } = inputs as Named;
  const { at } = attrs as { at: number };
  const [B, L, D] = next.shape as [number, number, number];
  const [S, C] = x.shape as [number, number];
  const rows = inputs.rows ? intsOf(backend, inputs.rows) : Int32Array.from({ length: B }, (_, b) => b);
  if (x.shape[2] !== D || rows.length !== B || at < 0 || at + L > C) {
    throw new Error(`AppendRows cannot write [${next.shape}] at position ${at} of [${x.shape}]; it does not fit.`);
  }
  checkRows(rows, S);
  const words = wordsOf(backend, x, next);
  const [to, from] = [x, next].map((t) => backend.pointer(t) / 4) as [number, number];
  rows.forEach((row, b) => {
    words.copyWithin(to + (row * C + at) * D, from + b * L * D, from + (b + 1) * L * D);
  });
  return [];
}

/**
 * The kernel of `extendFused`: new keys, rotated where there are tables, and values go into their places, and queries, rotated
 * likewise, attend to all.
 */
export function extendKernel(call: KernelCall, tools: Tools): tf.TensorInfo {
  const { backend, inputs, attrs } = call;
  const { q, nextKey, nextValue, key, value, cos, sin, positions, mask, rows } = inputs as Record<
    'q' | 'nextKey' | 'nextValue' | 'key' | 'value',
    tf.TensorInfo
  > &
    Partial<Record<'cos' | 'sin' | 'positions' | 'mask' | 'rows', tf.TensorInfo>>;
  const { heads, keyHeads, at, ...rest } = attrs as Record<'heads' | 'keyHeads' | 'at', number>;
  const made: tf.TensorInfo[] = [];
  const rotated = (x: tf.TensorInfo, heads: number): tf.TensorInfo => {
    if (!cos || !sin) return x;
    const given = { x, cos, sin, ...(positions && { positions }) };
    made.push(rotaryKernel({ backend, inputs: given, attrs: { heads, offset: 0, sign: 1 } }, tools.wasm));
    return made.at(-1)!;
  };
  const places = rows ? { rows } : {};
  for (const [x, next] of [
    [key, rotated(nextKey, keyHeads)],
    [value, nextValue],
  ] as const) {
    appendRowsKernel({ backend, inputs: { x, next, ...places }, attrs: { at } });
  }
  const given = { q: rotated(q, heads), k: key, v: value, ...places, ...(mask && { mask }) };
  const y = attention({ backend, inputs: given, attrs: { heads, keyHeads, ...rest } }, tools);
  for (const x of made) backend.disposeIntermediateTensorInfo(x);
  return y;
}

/** The kernel of `copyRows`; it writes into x and has no outputs. */
export function copyRowsKernel({ backend, inputs, attrs }: KernelCall): tf.TensorInfo[] {
  const { x } = inputs as Named;
  const { length } = attrs as { length: number };
  const [S, C, D] = x.shape as [number, number, number];
  const [from, to] = [inputs.from, inputs.to].map((rows) => intsOf(backend, rows as tf.TensorInfo)) as [
    Int32Array,
    Int32Array,
  ];
  checkRows(from, S);
  checkRows(to, S);
  const words = wordsOf(backend, x);
  const start = backend.pointer(x) / 4;
  from.forEach((row, i) => {
    const source = start + row * C * D;
    words.copyWithin(start + to[i]! * C * D, source, source + length * D);
  });
  return [];
}

/** Views the whole heap as 4-byte words. */
function wordsOf(backend: SimdBackend, ...tensors: tf.TensorInfo[]): Float32Array {
  const other = tensors.find(({ dtype }) => dtype !== 'float32');
  if (other) throw new Error(`Rows are written in place only in float32 tensors, not in ${other.dtype} ones.`);
  return new Float32Array(backend.heap.buffer);
}

const intsOf = (backend: SimdBackend, x: tf.TensorInfo): Int32Array =>
  new Int32Array(backend.heap.buffer, backend.pointer(x), x.shape[0]);

function checkRows(rows: Int32Array, count: number): void {
  const wrong = rows.find((row) => row < 0 || row >= count);
  if (wrong !== undefined) throw new Error(`Row ${wrong} does not exist; use 0 to ${count - 1}.`);
}
