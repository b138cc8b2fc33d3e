import type { KernelCall, Kernels, SimdBackend, withScratch } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';
import { rowsByImage } from './rows.js';

/** What the kernels use of the kit, which is not imported here: it may not be installed. */
export interface Tools {
  wasm: Kernels<'attention' | 'attentionGrad'>;
  withScratch: typeof withScratch;
}
interface Attributes {
  heads: number;
  length: number;
  scale: number;
  offset: number;
}
type Named = Record<'q' | 'k' | 'v' | 'dy', tf.TensorInfo>;

/** y [B,Q,D] */
export function attention(call: KernelCall, { wasm, withScratch }: Tools): tf.TensorInfo {
  const { backend, inputs } = call;
  const { q, k, v } = inputs as Named;
  const { B, H, Q, L, work, tail } = problem(call);
  const { rows } = inputs;
  if (rows) rowsByImage(rowsOf(backend, rows), k.shape[0] as number); // throws for images that are not there
  const looked = rows ? backend.pointer(rows) : 0;
  const y = backend.output(q.shape);
  const pointers = [q, k, v, y].map((x) => backend.pointer(x));
  const items = B * H * Math.ceil(Q / 4);
  const stride = strideOf(L + 1);
  withScratch(backend, stride * backend.pool.threads, (scratch) => {
    backend.run(wasm.attention, items, work * 2, ...pointers, ...maskOf(call), looked, ...tail, scratch, stride);
  });
  return y;
}

/** dq [B,Q,D], dk and dv [I,C,D]. Keys and values are shared by no two items, so that sums have one order. */
export function attentionGrad(call: KernelCall, { wasm, withScratch }: Tools): tf.TensorInfo[] {
  const { backend, inputs } = call;
  const { dy, q, k, v } = inputs as Named;
  const { H, L, work, tail } = problem(call);
  const I = k.shape[0] as number;
  const { rows } = inputs;
  const index = rows ? rowsByImage(rowsOf(backend, rows), I) : new Int32Array(0);
  const [dq, dk, dv] = [q, k, v].map((x) => backend.output(x.shape)) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
  const pointers = [dy, q, k, v, dq, dk, dv].map((x) => backend.pointer(x));
  const stride = strideOf(2 * (L + 1));
  const scratch = stride * backend.pool.threads;
  withScratch(backend, scratch + index.byteLength, (pointer) => {
    const starts = pointer + scratch;
    new Int32Array(backend.heap.buffer, starts, index.length).set(index);
    const looked = rows ? [starts, starts + 4 * (I + 1)] : [0, 0];
    const shared = [...pointers, ...maskOf(call), ...looked, ...tail];
    backend.run(wasm.attentionGrad, I * H, work * 5, ...shared, pointer, stride);
  });
  return [dq, dk, dv];
}

function problem({ inputs, attrs }: KernelCall) {
  const { q, k } = inputs as Named;
  const [B, Q, D] = q.shape as [number, number, number];
  const capacity = k.shape[1] as number;
  const { heads: H, length: L, scale, offset } = attrs as unknown as Attributes;
  const work = B * Q * L * (D * 0.06 + H * 2); // nanoseconds of one product, about
  return { B, H, Q, L, work, tail: [H, Q, L, capacity, D / H, scale, offset] };
}

/** Where the mask lies and its strides, 0 where it broadcasts. */
function maskOf({ backend, inputs: { mask } }: KernelCall): number[] {
  if (!mask) return [0, 0, 0, 0, 0];
  const steps = [...tf.util.computeStrides(mask.shape), 1];
  return [backend.pointer(mask), ...mask.shape.map((size, i) => (size === 1 ? 0 : (steps[i] as number)))];
}

function rowsOf(backend: SimdBackend, rows: tf.TensorInfo): Int32Array {
  return new Int32Array(backend.heap.buffer, backend.pointer(rows), rows.shape[0]);
}

/** Bytes from one thread's scratch to the next one's, a line of cache apart, for so many vectors of a key and four queries. */
const strideOf = (vectors: number): number => Math.ceil((vectors * 16) / 64) * 64;
