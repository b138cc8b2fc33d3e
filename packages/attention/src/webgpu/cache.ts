import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import type { WebgpuCall } from './kernels.js';

type Named = Record<'x' | 'next' | 'from' | 'to', tf.TensorInfo>;

const THREADS = 64;

/** The kernel of `appendRows`; it writes into x and has no outputs. */
export function appendRowsKernel({ backend, inputs, attrs }: WebgpuCall): tf.TensorInfo[] {
  const { x, next } = inputs as Named;
  const { rows } = inputs;
  const { at } = attrs as { at: number };
  const [B, L, D] = next.shape as [number, number, number];
  const [S, C] = x.shape as [number, number];
  if (x.shape[2] !== D || (rows ? rows.shape[0] !== B : B > S) || at < 0 || at + L > C) {
    throw new Error(`AppendRows cannot write [${next.shape}] at position ${at} of [${x.shape}]; it does not fit.`);
  }
  const code = `
    fn main(i : i32) {
      if (i >= uniforms.B * uniforms.L * uniforms.D) { return; }
      let b = i / (uniforms.L * uniforms.D);
      let row = ${rows ? 'rows[b]' : 'b'};
      result[(row * uniforms.C + uniforms.at) * uniforms.D + i % (uniforms.L * uniforms.D)] = next[i];
    }`;
  writeInto(backend, x, {
    name: `appendRows ${rows ? 'rows' : ''}`,
    code,
    inputs: { next, ...(rows && { rows }) },
    numbers: { B, L, D, C, at },
    size: B * L * D,
  });
  return [];
}

/** The kernel of `copyRows`; it writes into x and has no outputs. */
export function copyRowsKernel({ backend, inputs, attrs }: WebgpuCall): tf.TensorInfo[] {
  const { x, from, to } = inputs as Named;
  const { length: L } = attrs as { length: number };
  const [, C, D] = x.shape as [number, number, number];
  const B = from.shape[0] as number;
  const code = `
    fn main(i : i32) {
      if (i >= uniforms.B * uniforms.L * uniforms.D) { return; }
      let b = i / (uniforms.L * uniforms.D);
      let place = i % (uniforms.L * uniforms.D);
      let row = uniforms.C * uniforms.D;
      result[targets[b] * row + place] = result[sources[b] * row + place];
    }`;
  writeInto(backend, x, {
    name: 'copyRows',
    code,
    inputs: { sources: from, targets: to },
    numbers: { B, L, D, C },
    size: B * L * D,
  });
  return [];
}

interface Writing {
  readonly name: string;
  readonly code: string;
  readonly inputs: Record<string, tf.TensorInfo>;
  readonly numbers: Record<string, number>;
  /** Number of threads that write. */
  readonly size: number;
}

/** Runs a shader whose result is x itself. */
function writeInto(backend: WebGPUBackend, x: tf.TensorInfo, { name, code, inputs, numbers, size }: Writing): void {
  if (size === 0) return;
  const shape = [1, tf.util.sizeFromShape(x.shape)];
  const program: WebGPUProgram = {
    variableNames: Object.keys(inputs),
    outputShape: shape,
    dispatchLayout: { x: [0] },
    dispatch: [Math.ceil(size / THREADS), 1, 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: `${Object.keys(numbers)
      .map((n) => `${n} : i32`)
      .join(', ')}, `,
    shaderKey: name,
    getUserCode: () => code,
  };
  const uniforms = Object.values(numbers).map((n) => ({ type: 'int32', data: [n] }));
  const given = Object.values(inputs).map((t) => ({ ...t, shape: [tf.util.sizeFromShape(t.shape)] }));
  backend.runWebGPUProgram(program, given, 'float32', uniforms, { ...x, shape });
  const data: { values: unknown } = backend.tensorMap.get(x.dataId);
  data.values = null; // what was read of x before is no longer what it has
}
