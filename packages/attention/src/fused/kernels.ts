import type { KernelCall, Kernels, SimdBackend, withScratch } from '@blip2/backend-simd';
import type * as tf from '@tensorflow/tfjs';
import {
  type Attributes,
  type Named,
  PROBLEM_BYTES,
  problemOf,
  scratchOf,
  type Words,
  writeProblem,
} from './problem.js';
import { rowsByImage } from './rows.js';

/** What the kernels use of @blip2/backend-simd, which is not imported here as it may not be installed. */
export interface Tools {
  wasm: Kernels<'attention' | 'attentionGrad' | 'attentionBiasGrad' | 'rotary'>;
  withScratch: typeof withScratch;
}

/** From this number of blocks of queries on, copying their keys into contiguous memory pays off. */
const OFTEN = 3;

/** y [B,Q,D] */
export function attention(call: KernelCall, tools: Tools): tf.TensorInfo {
  const { backend } = call;
  const { q, k, rows } = call.inputs as Named;
  const { words, product } = problemOf(call);
  const { B, G, group, Q } = words as Record<'B' | 'G' | 'group' | 'Q', number>;
  if (rows) rowsByImage(rowsOf(backend, rows), k.shape[0] as number); // throws for images that do not exist
  const queries = group * Q;
  const { block } = scratchOf(words, { queries }) as { block: number };
  const blocks = Math.ceil(queries / block);
  const parts = Math.min(Math.ceil((backend.pool.threads * 8) / (B * G)), Math.ceil(blocks / (2 * OFTEN)));
  const each = Math.ceil(blocks / parts);
  const scratch = scratchOf(words, { queries, packed: each >= OFTEN });
  const y = backend.output(q.shape);
  const rowsPointer = rows ? backend.pointer(rows) : 0;
  const all = { ...words, ...scratch, y: backend.pointer(y), rows: rowsPointer, stripe: each * block };
  run(tools, call, all, { kernel: 'attention', items: B * G * Math.ceil(blocks / each), nanoseconds: product * 2 });
  return y;
}

/** dq [B,Q,D], dk and dv [I,C,·]. */
export const attentionGrad = (call: KernelCall, tools: Tools): tf.TensorInfo[] => gradients(call, tools, {});

/** dq [B,Q,D], dk and dv [I,C,·], and dbias of the shape of the bias: in one pass where that can be, else in two. */
export function attentionGradWithBias(call: KernelCall, tools: Tools): tf.TensorInfo[] {
  if (!takesOnePass(call)) return [...attentionGrad(call, tools), attentionBiasGrad(call, tools)];
  const { bias } = call.inputs as Named;
  const dbias = call.backend.output((bias as tf.TensorInfo).shape);
  const rows = (bias as tf.TensorInfo).shape[0] === 1 ? { images: call.inputs.k?.shape[0] as number } : {};
  return [...gradients(call, tools, { dbias: call.backend.pointer(dbias), ...rows }), dbias];
}

/**
 * Whether the items of `attentionGrad` can sum the gradient of the bias, no two of them the same numbers, without fewer items than
 * threads. The sums have the order of `attentionBiasGrad`, so that the bits do not depend on it.
 */
export function takesOnePass({ backend, inputs, attrs }: KernelCall): boolean {
  const { k, bias, rows } = inputs as Named;
  const { heads, keyHeads } = attrs as unknown as Attributes;
  const [b, h] = bias?.shape ?? [];
  if (heads !== keyHeads || h !== heads) return false;
  return (b as number) > 1 || k.shape[0] === 1 || (!rows && heads >= backend.pool.threads);
}

/** Keys and values are shared by no two items, so that sums have one order; `more` says where dbias goes, if it is wanted. */
function gradients(call: KernelCall, tools: Tools, more: { dbias?: number; images?: number }): tf.TensorInfo[] {
  const { backend } = call;
  const { q, k, v, rows } = call.inputs as Named;
  const { words, product } = problemOf(call);
  const { B, G, group, Q, K } = words as Record<'B' | 'G' | 'group' | 'Q' | 'K', number>;
  const I = k.shape[0] as number;
  const index = rows ? rowsByImage(rowsOf(backend, rows), I) : undefined;
  const queries = group * Q;
  const { block } = scratchOf(words, { queries }) as { block: number };
  const blocks = Math.ceil(queries / block) * Math.ceil(B / I);
  const needs = { queries, gradient: true, packed: blocks >= OFTEN, summed: blocks > 1 || K % 4 !== 0 };
  const [dq, dk, dv] = [q, k, v].map((x) => backend.output(x.shape)) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
  const [dq0, dk0, dv0] = [dq, dk, dv].map((x) => backend.pointer(x)) as [number, number, number];
  const { images = 1, dbias = 0 } = more;
  const all = { ...words, ...scratchOf(words, needs), dq: dq0, dk: dk0, dv: dv0, dbias, images };
  const items = (I / images) * G;
  run(tools, call, all, { kernel: 'attentionGrad', items, nanoseconds: product * 5, index, images: I });
  return [dq, dk, dv];
}

/** dbias, of the shape of the bias. */
export function attentionBiasGrad(call: KernelCall, tools: Tools): tf.TensorInfo {
  const { backend } = call;
  const { rows, bias } = call.inputs as Named;
  const { words, product } = problemOf(call);
  const { Q } = words as Record<'Q', number>;
  const scratch = scratchOf(words, { queries: Q, gradient: true });
  const [b, h, q] = (bias as tf.TensorInfo).shape as [number, number, number];
  const dbias = backend.output((bias as tf.TensorInfo).shape);
  const rowsPointer = rows ? backend.pointer(rows) : 0;
  const all = { ...words, ...scratch, dbias: backend.pointer(dbias), rows: rowsPointer };
  const items = b * h * (q === 1 ? 1 : Math.ceil(Q / (scratch.block as number)));
  run(tools, call, all, { kernel: 'attentionBiasGrad', items, nanoseconds: product * 2 });
  return dbias;
}

interface Work {
  kernel: Exclude<keyof Tools['wasm'], 'rotary'>;
  items: number;
  nanoseconds: number;
  /** Of rowsByImage, and of how many images. */
  index?: Int32Array | undefined;
  images?: number;
}

/** Allocates scratch for every thread, writes the problem and runs the kernel over its items. */
function run({ wasm, withScratch }: Tools, { backend }: KernelCall, words: Words, work: Work): void {
  const { kernel, items, nanoseconds, index, images = 0 } = work;
  const head = Math.ceil((PROBLEM_BYTES + (index?.byteLength ?? 0)) / 64) * 64;
  withScratch(backend, head + (words.scratchStride as number) * backend.pool.threads, (pointer) => {
    const starts = pointer + PROBLEM_BYTES;
    if (index) new Int32Array(backend.heap.buffer, starts, index.length).set(index);
    const indexWords = index ? { starts, order: starts + 4 * (images + 1) } : {};
    writeProblem(backend, pointer, { ...words, ...indexWords, scratch: pointer + head });
    backend.run(wasm[kernel], items, nanoseconds, pointer);
  });
}

function rowsOf(backend: SimdBackend, rows: tf.TensorInfo): Int32Array {
  return new Int32Array(backend.heap.buffer, backend.pointer(rows), rows.shape[0]);
}
