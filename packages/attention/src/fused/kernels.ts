import { type KernelCall, type Kernels, type SimdBackend, withScratch } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';
import { rowsByImage } from './rows.js';

type Wasm = Kernels<'attention' | 'attentionGrad'>;
type Named = Record<'q' | 'k' | 'v' | 'dy', tf.TensorInfo>;

/** Bytes of what belongs to one key and four queries. */
const VECTOR = 16;

/** y [B,Q,D] */
export function attention(call: KernelCall, wasm: Wasm): tf.TensorInfo {
  const { backend, inputs } = call;
  const { q, k, v } = inputs as Named;
  const { B, H, Q, L, work, tail } = problem(call);
  const y = backend.output(q.shape);
  const items = B * H * Math.ceil(Q / 4);
  const { rows } = inputs;
  if (rows) rowsByImage(rowsOf(backend, rows), k.shape[0] as number); // throws for images that are not there
  const pointers = [q, k, v, y].map((x) => backend.pointer(x));
  perThread(backend, (L + 1) * VECTOR, (scratch) => {
    const looked = rows ? backend.pointer(rows) : 0;
    backend.run(wasm.attention, items, work * 2, ...pointers, ...maskOf(call), looked, ...tail, ...scratch);
  });
  return y;
}

/** dq [B,Q,D], dk and dv [I,L,D]. Keys and values are shared by no two items, so that sums have one order. */
export function attentionGrad(call: KernelCall, wasm: Wasm): tf.TensorInfo[] {
  const { backend, inputs } = call;
  const { dy, q, k, v } = inputs as Named;
  const { H, L, work, tail } = problem(call);
  const I = k.shape[0] as number;
  const [dq, dk, dv] = [q, k, v].map((x) => backend.output(x.shape)) as [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo];
  const pointers = [dy, q, k, v, dq, dk, dv].map((x) => backend.pointer(x));
  const { rows } = inputs;
  const index = rows && rowsByImage(rowsOf(backend, rows), I);
  withScratch(backend, index ? 4 * index.length : 4, (order) => {
    if (index) new Int32Array(backend.heap.buffer, order, index.length).set(index);
    const looked = index ? [order, order + 4 * (I + 1)] : [0, 0];
    perThread(backend, 2 * (L + 1) * VECTOR, (scratch) => {
      backend.run(wasm.attentionGrad, I * H, work * 5, ...pointers, ...maskOf(call), ...looked, ...tail, ...scratch);
    });
  });
  return [dq, dk, dv];
}

function problem({ inputs, attrs }: KernelCall) {
  const { q, k } = inputs as Named;
  const [B, Q, D] = q.shape as [number, number, number];
  const L = k.shape[1] as number;
  const { heads: H, scale, offset } = attrs as { heads: number; scale: number; offset: number };
  const work = B * Q * L * (D * 0.06 + H * 2); // nanoseconds of one product, about
  return { B, H, Q, L, work, tail: [H, Q, L, D / H, scale, offset] };
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

/** Lends each thread `bytes`, a line of cache apart; given on as the first one's place and the stride. */
function perThread(backend: SimdBackend, bytes: number, f: (scratch: [number, number]) => void): void {
  const stride = Math.ceil(bytes / 64) * 64;
  withScratch(backend, stride * backend.pool.threads, (pointer) => f([pointer, stride]));
}
