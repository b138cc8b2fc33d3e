import type * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from './backend.js';
import type { FastKernel, Wasm } from './kernels/kernel.js';

/** Compares a few kernels with plain JavaScript. @returns what was wrong, or undefined; takes about a millisecond. */
export function selfCheck(backend: SimdBackend, wasm: Wasm, kernels: Record<string, FastKernel>): string | undefined {
  const made: tf.TensorInfo[] = [];
  const tensor = (shape: number[], scale: number): tf.TensorInfo => {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = Float32Array.from({ length: size }, (_, i) => scale * (((i * 37) % 23) / 11 - 1));
    const info = backend.makeTensorInfo(shape, 'float32', values);
    made.push(info);
    return info;
  };
  const values = (x: tf.TensorInfo): Float32Array => backend.data.get(x.dataId).values as Float32Array;
  const run = (name: string, inputs: Record<string, tf.TensorInfo>, attrs: object): Float32Array => {
    const out = kernels[name]!({ backend, wasm, inputs, attrs: attrs as Record<string, unknown> }) as tf.TensorInfo;
    made.push(out);
    return values(out);
  };
  const M = 5;
  const K = 19;
  const N = 11;
  try {
    for (const [transposeA, transposeB] of [
      [false, false],
      [false, true],
      [true, false],
    ] as const) {
      const a = tensor(transposeA ? [K, M] : [M, K], 1);
      const b = tensor(transposeB ? [N, K] : [K, N], 1);
      const c = run('BatchMatMul', { a, b }, { transposeA, transposeB });
      for (let i = 0; i < M; i++) {
        for (let j = 0; j < N; j++) {
          let sum = 0;
          for (let k = 0; k < K; k++) {
            sum += values(a)[transposeA ? k * M + i : i * K + k]! * values(b)[transposeB ? j * K + k : k * N + j]!;
          }
          if (!(Math.abs(sum - c[i * N + j]!) < 1e-4)) return `BatchMatMul gives ${c[i * N + j]} for ${sum}`;
        }
      }
    }
    const x = tensor([3, 23], 4);
    const from = values(x);
    const e = run('Exp', { x }, {});
    const p = run('Softmax', { logits: x }, { dim: -1 });
    const sums = run('Sum', { x }, { axis: 1 });
    for (let r = 0; r < 3; r++) {
      const row = from.subarray(r * 23, r * 23 + 23);
      const total = row.reduce((sum, v) => sum + Math.exp(v), 0);
      const plain = row.reduce((sum, v) => sum + v, 0);
      if (!(Math.abs(plain - sums[r]!) < 1e-3)) return `Sum gives ${sums[r]} for ${plain}`;
      for (const [j, v] of row.entries()) {
        const right = Math.exp(v);
        if (!(Math.abs(e[r * 23 + j]! - right) < 1e-5 * right)) return `Exp gives ${e[r * 23 + j]} for ${right}`;
        if (!(Math.abs(p[r * 23 + j]! - right / total) < 1e-5))
          return `Softmax gives ${p[r * 23 + j]} for ${right / total}`;
      }
    }
    return undefined;
  } catch (error) {
    return String(error);
  } finally {
    for (const info of made) backend.disposeIntermediateTensorInfo(info);
  }
}
