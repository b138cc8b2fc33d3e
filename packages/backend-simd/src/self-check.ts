import type * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from './backend.js';
import type { FastKernel, Wasm } from './kernels/kernel.js';

/**
 * [M, K, N] of products that take the three ways of BatchMatMul, in whole tiles and parts of them. All sizes are small:
 * JavaScript and kernels are compiled while the check runs.
 */
const PRODUCTS = [
  { M: 3, K: 5, N: 11, transposeA: false, transposeB: false },
  { M: 3, K: 19, N: 5, transposeA: false, transposeB: true },
  { M: 4, K: 7, N: 13, transposeA: true, transposeB: false },
];
const ROWS = 3;
const WIDTH = 23;

/** Compares a few kernels with plain JavaScript. @returns what was wrong, or undefined */
export function selfCheck(backend: SimdBackend, wasm: Wasm, kernels: Record<string, FastKernel>): string | undefined {
  const made: tf.TensorInfo[] = [];
  const tensor = (shape: [number, number], scale: number): { info: tf.TensorInfo; values: Float32Array } => {
    const values = new Float32Array(shape[0] * shape[1]);
    for (let i = 0; i < values.length; i++) values[i] = scale * (((i * 37) % 23) / 11 - 1);
    const info = backend.makeTensorInfo(shape, 'float32', values);
    made.push(info);
    return { info, values };
  };
  const run = (name: string, inputs: Record<string, tf.TensorInfo>, attrs: object): Float32Array => {
    const out = kernels[name]!({ backend, wasm, inputs, attrs: attrs as Record<string, unknown> }) as tf.TensorInfo;
    made.push(out);
    return backend.data.get(out.dataId).values as Float32Array;
  };
  const product = ({ M, K, N, transposeA, transposeB }: (typeof PRODUCTS)[number]): string | undefined => {
    const a = tensor(transposeA ? [K, M] : [M, K], 1);
    const b = tensor(transposeB ? [N, K] : [K, N], 1);
    const c = run('BatchMatMul', { a: a.info, b: b.info }, { transposeA, transposeB });
    const [aRow, aColumn] = transposeA ? [1, M] : [K, 1];
    const [bRow, bColumn] = transposeB ? [1, K] : [N, 1];
    for (let i = 0; i < M; i++) {
      for (let j = 0; j < N; j++) {
        let sum = 0;
        for (let k = 0; k < K; k++) sum += a.values[i * aRow + k * aColumn]! * b.values[k * bRow + j * bColumn]!;
        if (!(Math.abs(sum - c[i * N + j]!) < 1e-4)) return `BatchMatMul gives ${c[i * N + j]} for ${sum}`;
      }
    }
    return undefined;
  };
  const rows = (): string | undefined => {
    const { info: x, values } = tensor([ROWS, WIDTH], 4);
    const exponentials = run('Exp', { x }, {});
    const softmax = run('Softmax', { logits: x }, { dim: -1 });
    for (let r = 0; r < ROWS; r++) {
      const [begin, end] = [r * WIDTH, (r + 1) * WIDTH];
      let total = 0;
      for (let i = begin; i < end; i++) total += Math.exp(values[i]!);
      for (let i = begin; i < end; i++) {
        const e = Math.exp(values[i]!);
        if (!(Math.abs(exponentials[i]! - e) < 1e-5 * e)) return `Exp gives ${exponentials[i]} for ${e}`;
        if (!(Math.abs(softmax[i]! - e / total) < 1e-5)) return `Softmax gives ${softmax[i]} for ${e / total}`;
      }
    }
    return undefined;
  };
  try {
    for (const one of PRODUCTS) {
      const wrong = product(one);
      if (wrong) return wrong;
    }
    return rows();
  } catch (error) {
    return String(error);
  } finally {
    for (const info of made) backend.disposeIntermediateTensorInfo(info);
  }
}
