import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { register } from './register.js';
import { backend, numbers } from './test-support/both.js';

test('tensors live in the heap and give back their bytes', () => {
  const before = tf.memory();
  const { live } = backend.heap.statistics();
  const x = tf.tensor2d(numbers([100, 30], 1), [100, 30]);
  expect(backend.heap.statistics().live).toBeGreaterThanOrEqual(live + 12_000);
  expect(backend.pointer(x) % 64).toBe(0);
  x.dispose();
  expect(backend.heap.statistics().live).toBe(live);
  expect(tf.memory().numTensors).toBe(before.numTensors);
  expect(tf.memory().unreliable).toBe(false);
});

test('what is read out is a copy, and what is written in too', async () => {
  const values = Float32Array.of(1, 2, 3);
  const x = tf.tensor1d(values);
  values[0] = 9;
  const read = x.dataSync() as Float32Array;
  expect(Array.from(read)).toEqual([1, 2, 3]);
  expect(read.buffer).not.toBe(backend.heap.buffer);
  read[1] = 9;
  expect(Array.from(await x.data())).toEqual([1, 2, 3]);
  x.dispose();
  tf.ones([3]).dispose();
  expect(Array.from(read)).toEqual([1, 9, 3]);
});

test('ops without a kernel of their own run on the cpu kernels, strings and complex numbers too', () => {
  const ops = backend.profile(() =>
    tf.tidy(() => {
      tf.atan2(tf.tensor1d([1, 2, 3]), 1).dataSync();
      tf.add(1, 2);
    }),
  );
  expect(ops.find((op) => op.name === 'Atan2')).toMatchObject({ calls: 1, fallbacks: 1 });
  expect(ops.find((op) => op.name === 'Add')).toMatchObject({ calls: 1, fallbacks: 0 });
  tf.tidy(() => {
    expect(tf.tensor(['a', 'b']).dataSync()).toEqual(['a', 'b']);
    const z = tf.complex([1, 2], [3, 4]);
    expect(Array.from(tf.imag(z).dataSync())).toEqual([3, 4]);
    expect(Array.from(tf.tensor1d([1, 0], 'bool').dataSync())).toEqual([1, 0]);
  });
});

test('tensors of another backend move in', () => {
  tf.setBackend('cpu');
  const x = tf.tensor1d([1, 2]);
  tf.setBackend('simd');
  const y = tf.add(x, 1);
  expect(Array.from(y.dataSync())).toEqual([2, 3]);
  tf.dispose([x, y]);
});

test('registering again gives the same backend; threads can be set', async () => {
  expect(await register({ threads: 1 })).toBe(backend);
  expect(backend.pool.threads).toBe(1);
  expect(() => backend.setThreads(0)).toThrow('must be a whole number from 1 to 64, not 0');
  backend.setThreads(2);
});

test('a build without relaxed SIMD gives the same within rounding', async () => {
  const plain = await register({ name: 'plain', threads: 1, relaxedSimd: false });
  const f = (): number[] =>
    tf.tidy(() =>
      Array.from(
        tf.matMul(tf.tensor2d(numbers([9, 50], 1), [9, 50]), tf.tensor2d(numbers([50, 9], 2), [50, 9])).dataSync(),
      ),
    );
  const right = f();
  tf.setBackend('plain');
  const mine = f();
  tf.setBackend('simd');
  for (const [i, x] of right.entries()) expect(mine[i]).toBeCloseTo(x, 4);
  expect(plain.statistics.fallbacks()).toEqual({});
  tf.removeBackend('plain');
});

test('a backend that was removed can be registered again, and its kernels are the new ones', async () => {
  const first = await register({ name: 'again', threads: 2 });
  tf.removeBackend('again');
  expect(tf.getKernelsForBackend('again')).toEqual([]);
  const second = await register({ name: 'again', threads: 2 });
  expect(second).not.toBe(first);
  tf.setBackend('again');
  const y = tf.engine().runKernel('Gelu', { x: tf.tensor1d([0, 1, -1]) }, { approximate: 'erf' }) as tf.Tensor;
  expect(y.dataSync()[1]).toBeCloseTo(0.84, 1);
  expect(second.profile(() => void y.reshape([3, 1]))).toHaveLength(1);
  tf.setBackend('simd');
  tf.removeBackend('again');
});

test('a training step leaks nothing', () => {
  const w = tf.tensor2d(numbers([20, 10], 1), [20, 10]);
  const x = tf.tensor2d(numbers([5, 10], 2), [5, 10]);
  const step = (): void =>
    tf.tidy(
      () =>
        void tf
          .grad((w) => tf.mean(tf.logSoftmax(tf.relu(tf.matMul(x, w, false, true)))))(w)
          .dataSync(),
    );
  step();
  const { live } = backend.heap.statistics();
  for (let i = 0; i < 3; i++) step();
  expect(backend.heap.statistics().live).toBe(live);
  tf.dispose([w, x]);
});
