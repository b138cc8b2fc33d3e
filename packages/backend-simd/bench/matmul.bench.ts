// npm run bench: 1024x768x768 in three transpositions, one thread and two, against tfjs' cpu backend (once: it is slow).

import { register } from '@blip2/backend-simd';
import * as tf from '@tensorflow/tfjs';

const backend = await register({ threads: 2 });
const [M, K, N] = [1024, 768, 768];
const cases: [string, boolean, boolean][] = [
  ['A·B', false, false],
  ['A·Bᵀ', false, true],
  ['Aᵀ·B', true, false],
];

function time(transposeA: boolean, transposeB: boolean, runs: number): number[] {
  const a = tf.randomNormal(transposeA ? [K, M] : [M, K]);
  const b = tf.randomNormal(transposeB ? [N, K] : [K, N]);
  const samples = Array.from({ length: runs }, () => {
    const start = performance.now();
    tf.matMul(a, b, transposeA, transposeB).dispose();
    return performance.now() - start;
  });
  tf.dispose([a, b]);
  return samples.sort((x, y) => x - y);
}

for (const [name, transposeA, transposeB] of cases) {
  for (const [contender, threads, runs] of [
    ['simd', 1, 40],
    ['simd', 2, 40],
    ['cpu', 1, 1],
  ] as const) {
    tf.setBackend(contender);
    backend.setThreads(threads);
    const samples = time(transposeA, transposeB, runs);
    const ms_min = samples[0]!;
    const ms_median = samples[Math.floor(samples.length / 2)]!;
    const gflops = (2 * M * K * N) / ms_min / 1e6;
    const line = { bench: 'matmul', case: `${name} ${M}x${K}x${N}`, contender, threads, ms_min, ms_median, gflops };
    console.log(JSON.stringify(line, (_, v) => (typeof v === 'number' ? Number(v.toPrecision(4)) : v)));
  }
}
