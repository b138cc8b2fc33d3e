import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { keyGradient, queryGradient, statistics } from './backward.js';
import { forward } from './forward.js';
import { programOf, type Shader, TILE, UNIFORMS, type Variant } from './program.js';

/** What tfjs calls a kernel with. */
export interface WebgpuCall {
  readonly backend: WebGPUBackend;
  readonly inputs: Record<string, tf.TensorInfo>;
  readonly attrs: Record<string, unknown>;
}

interface Attributes {
  heads: number;
  keyHeads: number;
  length: number;
  scale: number;
  offset: number;
}
type Named = Record<'q' | 'k' | 'v' | 'dy', tf.TensorInfo>;

/** y [B,Q,D] */
export function attention(call: WebgpuCall): tf.TensorInfo {
  const { q, k, v } = call.inputs as Named;
  const { B, Q, H } = sizesOf(call);
  return run(call, forward, { inputs: [q, k, v], shape: q.shape, groups: B * H * Math.ceil(Q / TILE) });
}

/** dq [B,Q,D], dk and dv [I,C,D] */
export function attentionGrad(call: WebgpuCall): tf.TensorInfo[] {
  const { backend } = call;
  const { dy, q, k, v } = call.inputs as Named;
  const { B, Q, H, G } = sizesOf(call);
  const [I, C, D] = k.shape as [number, number, number];
  const groups = B * H * Math.ceil(Q / TILE);
  const stats = run(call, statistics, { inputs: [q, k, v, dy], shape: [B, H, Q, 3], groups });
  const inputs = [q, k, v, dy, stats];
  const dq = run(call, queryGradient, { inputs, shape: q.shape, groups });
  const both = run(call, keyGradient, { inputs, shape: [2 * I, C, D], groups: I * G * Math.ceil(C / TILE) });
  const half = (from: number): tf.TensorInfo => sliceOf(backend, both, { begin: [from, 0, 0], size: [I, C, D] });
  const [dk, dv] = [half(0), half(I)];
  for (const info of [stats, both]) backend.disposeData(info.dataId);
  return [dq, dk, dv];
}

function sizesOf({ inputs, attrs }: WebgpuCall): Record<'B' | 'Q' | 'H' | 'G' | 'I' | 'C' | 'K', number> {
  const { q, k } = inputs as Named;
  const [B, Q, D] = q.shape as [number, number, number];
  const [I, C] = k.shape as [number, number];
  const { heads: H, keyHeads: G } = attrs as unknown as Attributes;
  return { B, Q, H, G, I, C, K: D / H };
}

interface Work {
  readonly inputs: tf.TensorInfo[];
  readonly shape: number[];
  readonly groups: number;
}

function run(call: WebgpuCall, shader: Shader, { inputs, shape, groups }: Work): tf.TensorInfo {
  const { mask, rows } = call.inputs;
  const { length: L, scale, offset } = call.attrs as unknown as Attributes;
  const sizes = sizesOf(call);
  const variant: Variant = {
    parts: 2 * Math.ceil(sizes.K / (2 * TILE)),
    masked: mask !== undefined,
    rowed: rows !== undefined,
  };
  const program = programOf(shader, variant, { size: tf.util.sizeFromShape(shape), groups });
  const given = [...inputs, ...(mask ? [mask] : []), ...(rows ? [rows] : [])];
  const numbers = { ...sizes, L, offset, groups };
  const out = call.backend.runWebGPUProgram(program, given.map(flat), 'float32', [
    ...UNIFORMS.map((name) => ({ type: 'int32', data: [numbers[name]] })),
    { type: 'float32', data: [scale] },
    { type: 'int32', data: stridesOf(mask) },
  ]);
  return { ...out, shape };
}

/** Reshapes a tensor to a vector, without copying. */
const flat = (x: tf.TensorInfo): tf.TensorInfo => ({ ...x, shape: [tf.util.sizeFromShape(x.shape)] });

/** The strides of a mask of rank 4, 0 where it broadcasts. */
function stridesOf(mask: tf.TensorInfo | undefined): number[] {
  if (!mask) return [0, 0, 0, 0];
  const steps = [...tf.util.computeStrides(mask.shape), 1];
  return mask.shape.map((size, i) => (size === 1 ? 0 : (steps[i] as number)));
}

function sliceOf(backend: WebGPUBackend, x: tf.TensorInfo, attrs: { begin: number[]; size: number[] }): tf.TensorInfo {
  const { kernelFunc } = tf.getKernel('Slice', 'webgpu');
  return kernelFunc({ inputs: { x }, backend, attrs }) as tf.TensorInfo;
}
