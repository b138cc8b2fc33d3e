import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { register } from './register.js';
import { numbers, on } from './test-support/both.js';

const BLOCK = 2 ** 26;

function ops(): tf.Tensor[] {
  const x = tf.tensor2d(numbers([50, 67], 1), [50, 67]);
  const products = [tf.matMul(x, x, false, true), tf.matMul(x, x, true, false)];
  return [...products, tf.softmax(x), tf.sum(x, 0), tf.transpose(x), tf.add(x, tf.sum(x, 0)), tf.gather(x, [3, 1])];
}

test.each([2 ** 31, 3 * 2 ** 30, 2 ** 32 - 2 ** 25])('kernels compute just below and above byte %d', async (end) => {
  const backend = await register({ name: 'high', threads: 2 });
  try {
    while (backend.heap.statistics().live < end - 2 * BLOCK) backend.heap.allocate(BLOCK);
    const right = on('cpu', ops);
    for (let round = 0; round < 2; round++) {
      const mine = on('high', () => {
        const probe = tf.zeros([1 << 20]);
        expect(Math.abs(backend.pointer(probe) - end)).toBeLessThan(3 * BLOCK);
        return ops();
      });
      for (const [i, { values }] of right.entries()) {
        expect(mine[i]!.values.findIndex((x, j) => !(Math.abs(x - values[j]!) < 1e-4))).toBe(-1);
      }
      if (round === 0) while (backend.heap.fits(BLOCK)) backend.heap.allocate(BLOCK);
    }
  } finally {
    tf.removeBackend('high');
  }
});

test('an op that finds no room throws, leaves nothing, and the next one runs', async () => {
  const backend = await register({ name: 'high', threads: 1 });
  tf.setBackend('high');
  try {
    const x = tf.ones([4]);
    for (let i = 0; i < 7; i++) backend.heap.allocate(2 ** 29); // 3.5 GiB that are not touched
    const { numTensors } = tf.memory();
    const { live } = backend.heap.statistics();
    expect(() => tf.tidy(() => void tf.tile(x, [2 ** 28]))).toThrow('4294967296 bytes were requested while 3758096448');
    expect(tf.memory()).toMatchObject({ numTensors, heap: { live, blocks: 8 } });
    expect(Array.from(tf.tidy(() => tf.add(x, 2).dataSync()))).toEqual([3, 3, 3, 3]);
    expect(backend.memory().heap.live).toBe(live);
    x.dispose();
  } finally {
    tf.setBackend('simd');
    tf.removeBackend('high');
  }
});
