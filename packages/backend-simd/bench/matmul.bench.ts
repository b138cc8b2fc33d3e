import type { BenchCase, Suite } from '@blip2/testing';
import * as tf from '@tensorflow/tfjs';

const [M, K, N] = [1024, 768, 768];

const product = (name: string, transposeA: boolean, transposeB: boolean): BenchCase => ({
  name: `${name} ${M}x${K}x${N}`,
  work: { op: 'matmul', M, K, N, transposeA, transposeB },
  flops: 2 * M * K * N,
  prepare: () => {
    const a = tf.randomNormal(transposeA ? [K, M] : [M, K], 0, 1, 'float32', 1);
    const b = tf.randomNormal(transposeB ? [N, K] : [K, N], 0, 1, 'float32', 2);
    return { run: () => tf.matMul(a, b, transposeA, transposeB).dispose(), dispose: () => tf.dispose([a, b]) };
  },
});

const suite: Suite = {
  bench: 'matmul',
  cases: [product('AB', false, false), product('ABᵀ', false, true), product('AᵀB', true, false)],
};
export default suite;
