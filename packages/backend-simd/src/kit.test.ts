import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { addKernel, loadKernels, withScratch } from './kit.js';
import { backend } from './test-support/both.js';

const urls = { simd: new URL('../dist/kernels.simd.wasm', import.meta.url) };
const bits = new Int32Array(Float32Array.of(2.5).buffer)[0]!;

test('a module that comes later reaches the running threads', async () => {
  tf.tidy(() => void tf.exp(tf.ones([500, 500])));
  const wasm = await loadKernels<'fill32'>(backend, urls);
  addKernel(backend, 'FillLike', ({ inputs, attrs }) => {
    const y = backend.output(inputs.x!.shape);
    const vectors = tf.util.sizeFromShape(y.shape) / 4;
    backend.run(wasm.fill32, vectors, 1e9, backend.pointer(y), attrs.bits as number);
    return y;
  });
  for (let i = 0; i < 50; i++) {
    const sum = tf.tidy(() =>
      tf.sum(tf.engine().runKernel('FillLike', { x: tf.ones([400, 100]) }, { bits }) as tf.Tensor),
    );
    expect(sum.dataSync()[0]).toBe(100_000);
    sum.dispose();
  }
  tf.unregisterKernel('FillLike', 'simd');
});

test('a kernel that traps throws, and the next one runs', async () => {
  const wasm = await loadKernels<'fill32'>(backend, urls);
  expect(() => backend.run(wasm.fill32, 1000, 1e9, 4294967295, 0)).toThrow();
  expect(
    Array.from(
      tf
        .tidy(() => tf.exp(tf.zeros([1000])))
        .dataSync()
        .slice(0, 2),
    ),
  ).toEqual([1, 1]);
});

test('scratch memory goes back to the heap, after an error too', () => {
  const { live } = backend.heap.statistics();
  expect(withScratch(backend, 1000, (pointer) => pointer % 64)).toBe(0);
  expect(() =>
    withScratch(backend, 1000, () => {
      throw new Error('inside');
    }),
  ).toThrow('inside');
  expect(backend.heap.statistics().live).toBe(live);
});
