// Run by src/kernels.test.ts in a process of its own: holds every kernel on webgpu against the same op on tfjs' cpu backend.
import '@blip2/testing';
import {
  crossEntropy,
  dropout,
  embedding,
  gated,
  gelu,
  geluTanh,
  isPackable,
  layerNorm,
  linear,
  normal,
  type QuantizedFormat,
  type QuantizedValues,
  quantize,
  quantizedFormats,
  quantizedMatrix,
  quickGelu,
  rmsNorm,
  rng,
  runNamed,
  silu,
} from '@blip2/tensor';
import { errorsOf, openDawn, report } from '@blip2/testing/webgpu';
import * as tf from '@tensorflow/tfjs';
import { register } from '../src/register.js';

type Case = { readonly name: string; readonly run: () => tf.Tensor[] };

const values = (shape: readonly number[], seed: number): Float32Array => normal(1)(shape, rng(seed));
const random = (shape: number[], seed: number): tf.Tensor => tf.tensor(values(shape, seed), shape);

/** Row 3 of 4 is so small that half precision has the scales of its blocks as subnormal numbers. */
function packed(format: QuantizedFormat, shape: [number, number], seed: number): QuantizedValues {
  const all = values(shape, seed).map(
    (x, i) => x * 2 ** (((i / shape[1]) | 0) % 4 === 3 ? -20 : ((i / shape[1]) | 0) % 4),
  );
  return quantize(all, shape, format);
}

/** A product with its gradients with respect to x, bias and residual, and rows by ids; all weights are freed. */
function quantized(format: QuantizedFormat, M: number, [N, K]: [number, number], extras: boolean): tf.Tensor[] {
  const weight = quantizedMatrix(packed(format, [N, K], M));
  const x = random([M, K], 1);
  const bias = random([N], 2);
  const residual = random([M, N], 3);
  const product = (x: tf.Tensor, bias?: tf.Tensor, residual?: tf.Tensor): tf.Tensor =>
    linear({ weight, ...(bias && { bias }) }, x, { ...(residual && { residual, activation: 'gelu' }) });
  const inputs = extras ? [x, bias, residual] : [x];
  const f = (...given: tf.Tensor[]): tf.Tensor => product(given[0] as tf.Tensor, given[1], given[2]);
  const rows = [[0, N - 1], [3 % N]].map((ids) => embedding({ weight }, tf.tensor1d(ids, 'int32')));
  const out = [f(...inputs), ...tf.grads(f)(inputs, random([M, N], 4)), ...rows];
  weight.dispose();
  return out;
}

const cases: Case[] = [];
for (const format of quantizedFormats) {
  const odd = isPackable(format, 5);
  const width = isPackable(format, 32) ? 96 : 512;
  for (const [M, N, K, extras] of [
    [1, 7, width, true],
    [3, 70, odd ? 37 : width, false],
    [70, 67, odd ? 83 : width, true],
  ] as const) {
    cases.push({ name: `${format} ${M}x${N}x${K}`, run: () => quantized(format, M, [N, K], extras) });
  }
}
cases.push({ name: 'I8 8x1x1', run: () => quantized('I8', 8, [1, 1], true) });

for (const [name, f] of Object.entries({ gelu, geluTanh, quickGelu, silu })) {
  const x = (): tf.Tensor =>
    tf.concat([random([3, 50], 5).mul(3), tf.tensor2d([[...Array(40).fill(60), ...Array(10).fill(-60)]])]);
  cases.push({ name, run: () => [f(x()), tf.grad((x) => f(x))(x(), random([4, 50], 6))] });
}
for (const form of ['silu', 'gelu'] as const) {
  const inputs = (): [tf.Tensor, tf.Tensor] => [random([3, 70], 7), random([3, 70], 8)];
  const f = (x: tf.Tensor, gate: tf.Tensor): tf.Tensor => gated(x, gate, form);
  cases.push({ name: `gated ${form}`, run: () => [f(...inputs()), ...tf.grads(f)(inputs(), random([3, 70], 9))] });
}
for (const seed of [0, 7, 2 ** 32 - 5]) {
  const f = (x: tf.Tensor): tf.Tensor => dropout(x, 0.3, { training: true, seed });
  cases.push({ name: `dropout ${seed}`, run: () => [f(random([9, 40], 1)), tf.grad(f)(random([9, 40], 1))] });
}

for (const [name, f] of Object.entries({ sin: tf.sin, cos: tf.cos })) {
  const angles = (): tf.Tensor =>
    tf.tensor1d(Float32Array.from({ length: 1000 }, (_, i) => (i < 500 ? 7 * i : i / 25 - 30)));
  cases.push({ name, run: () => [f(angles())] });
}

for (const [rows, D] of [
  [3, 5],
  [150, 70],
] as const) {
  const [weight, bias] = [(): tf.Tensor => random([D], 11), (): tf.Tensor => random([D], 12)];
  const x = (): tf.Tensor => random([2, rows, D], 10).add(3);
  const dy = (): tf.Tensor => random([2, rows, D], 13);
  const layer = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
    layerNorm({ weight: weight as tf.Tensor1D, bias: bias as tf.Tensor1D }, x, 1e-5);
  const rms = (x: tf.Tensor, weight: tf.Tensor): tf.Tensor => rmsNorm({ weight: weight as tf.Tensor1D }, x, 1e-5);
  cases.push(
    {
      name: `layerNorm ${rows}x${D}`,
      run: () => [layer(x(), weight(), bias()), ...tf.grads(layer)([x(), weight(), bias()], dy())],
    },
    { name: `rmsNorm ${rows}x${D}`, run: () => [rms(x(), weight()), ...tf.grads(rms)([x(), weight()], dy())] },
  );
}
for (const [N, V, smoothing] of [
  [5, 3, 0],
  [4, 301, 0.1],
] as const) {
  const labels = (): tf.Tensor1D => tf.tensor1d([0, V - 1, -100, 1, 2].slice(0, N), 'int32');
  const f = (x: tf.Tensor): tf.Tensor => crossEntropy(x as tf.Tensor2D, labels(), { smoothing });
  const x = (): tf.Tensor => random([N, V], 14).mul(20);
  cases.push({ name: `crossEntropy ${N}x${V}`, run: () => [f(x()), tf.grad(f)(x(), random([N], 15))] });
}

/** An update in place, or where the backend has no kernel for it, its formula. */
function adamw(): tf.Tensor[] {
  const [param, grad, m] = [1, 2, 3].map((seed) => random([37, 29], seed)) as [tf.Tensor, tf.Tensor, tf.Tensor];
  const v = tf.square(random([37, 29], 4));
  const factor = tf.scalar(0.25);
  const numbers = { lr: 1e-2, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.05, step: 3, gradScale: 0.5 };
  const leaf = { param, grad, m, v, factor };
  if (runNamed('AdamWUpdate', leaf, numbers)) return [param, m, v];
  const g = tf.mul(grad, 0.125);
  const m1 = tf.add(tf.mul(m, 0.9), tf.mul(g, 0.1));
  const v1 = tf.add(tf.mul(v, 0.98), tf.mul(tf.square(g), 0.02));
  const root = tf.add(tf.sqrt(tf.div(v1, 1 - 0.98 ** 3)), 1e-8);
  const step = tf.mul(tf.div(tf.div(m1, 1 - 0.9 ** 3), root), 1e-2);
  return [tf.sub(tf.mul(param, 1 - 0.05e-2), step), m1, v1];
}
cases.push({ name: 'AdamW', run: adamw });

async function on(backend: string, { run }: Case): Promise<{ values: Float32Array[]; shapes: string[] }> {
  await tf.setBackend(backend);
  const out = tf.tidy(run);
  const all = await Promise.all(out.map((x) => x.data() as Promise<Float32Array>));
  const shapes = out.map(({ shape }) => shape.join());
  tf.dispose(out);
  return { values: all, shapes };
}

/** The largest difference, as a share of the largest magnitude in its tensor. */
function difference(mine: Float32Array, right: Float32Array): number {
  const most = right.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-30);
  return right.reduce(
    (m, x, i) => Math.max(m, Math.abs(x - (mine[i] ?? Number.NaN)) / most),
    mine.length - right.length,
  );
}

await report(async () => {
  const adapter = await openDawn();
  if ('skipped' in adapter) return adapter;
  await tf.setBackend('cpu');
  const errors = errorsOf((await register()).device);
  const results = [];
  for (const one of cases) {
    const right = await on('cpu', one);
    const before = tf.memory();
    const mine = await on('webgpu', one);
    const { numTensors, numDataBuffers } = tf.memory();
    results.push({
      name: one.name,
      shapes: mine.shapes.join(' ') === right.shapes.join(' '),
      differences: mine.values.map((x, i) => difference(x, right.values[i] as Float32Array)),
      leaked: [numTensors - before.numTensors, numDataBuffers - before.numDataBuffers],
    });
  }
  return { ...adapter, results, errors };
});
