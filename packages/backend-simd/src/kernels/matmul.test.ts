import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { backend, expectSame, numbers } from '../test-support/both.js';

const size = fc.integer({ min: 1, max: 20 });

test('matMul equals the cpu kernel for all transpositions and batches', () => {
  fc.assert(
    fc.property(
      size,
      size,
      size,
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom(
        [[], []],
        [[3], [3]],
        [[9], [9]],
        [[3], [1]],
        [[1], [5]],
        [
          [2, 3],
          [2, 3],
        ],
      ),
      (M, K, N, transposeA, transposeB, [outerA, outerB]) => {
        const shapeA = [...(outerA as readonly number[]), ...(transposeA ? [K, M] : [M, K])];
        const shapeB = [...(outerB as readonly number[]), ...(transposeB ? [N, K] : [K, N])];
        expectSame(() => {
          const a = tf.tensor(numbers(shapeA, 1), shapeA);
          const b = tf.tensor(numbers(shapeB, 2), shapeB);
          return tf.matMul(a, b, transposeA, transposeB);
        });
      },
    ),
    { numRuns: 100, seed: 1 },
  );
});

test.each([
  [70, 530, 37],
  [197, 1601, 26],
  [96, 768, 30], // a whole block
  [130, 65, 70],
  [4, 700, 100],
  [1, 300, 133],
  [7, 301, 9],
  [3, 5, 1],
  [1, 6, 1027], // pieces of columns
  [5, 9, 514],
])('matMul of [%i,%i] by %i columns, over several blocks and threads', (M, K, N) => {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const shapeA: [number, number] = transposeA ? [K, M] : [M, K];
      const shapeB: [number, number] = transposeB ? [N, K] : [K, N];
      expectSame(() => {
        const a = tf.tensor2d(numbers(shapeA, 1), shapeA);
        const b = tf.tensor2d(numbers(shapeB, 2), shapeB);
        return tf.matMul(a, b, transposeA, transposeB);
      }, 1e-4);
    }
  }
});

test('a few rows by a matrix larger than the caches have the bits that they have among many rows', () => {
  tf.tidy(() => {
    const [few, many, K, N] = [13, 600, 2100, 2003];
    const filled = (shape: [number, number]) =>
      tf.tensor2d(
        new Float32Array(shape[0] * shape[1]).map((_, i) => ((i % 1009) - 504) / 504),
        shape,
      );
    const a = filled([many, K]);
    for (const transposed of [false, true]) {
      const shape: [number, number] = transposed ? [N, K] : [K, N];
      const b = filled(shape);
      const [among, alone] = [a, a.slice([0, 0], [few, K])].map((rows) => tf.matMul(rows, b, false, transposed));
      expect(alone!.dataSync()).toEqual(among!.slice([0, 0], [few, N]).dataSync());
    }
  });
});

test.each([
  [1, 16, 49_152],
  [1, 513, 4000],
  [8, 16, 3000],
])('sums of %i products of %i rows over a depth of %i are rounded block by block', (B, M, K) => {
  const N = 13;
  const left = numbers([B, M, K], 1).map(Math.abs);
  const right = numbers([B, N, K], 2).map(Math.abs);
  tf.tidy(() => {
    for (const transposed of [false, true]) {
      const a = tf.tensor3d(left, [B, M, K]);
      const b = tf.tensor3d(right, transposed ? [B, N, K] : [B, K, N]);
      const y = tf.matMul(a, b, false, transposed).dataSync();
      for (let j = 0; j < N; j++) {
        let exact = 0;
        for (let k = 0; k < K; k++) exact += left[k]! * right[transposed ? j * K + k : k * N + j]!;
        expect(Math.abs(y[j]! / exact - 1)).toBeLessThan(1e-6);
      }
    }
  });
});

test('the fused matMul adds a bias and applies an activation', () => {
  for (const activation of ['linear', 'relu', 'sigmoid', 'elu'] as const) {
    for (const M of [1, 3, 40]) {
      expectSame(() =>
        tf.fused.matMul({
          a: tf.tensor2d(numbers([M, 13], 1), [M, 13]),
          b: tf.tensor2d(numbers([13, 21], 2), [13, 21]),
          bias: tf.tensor1d(numbers([21], 3)),
          activation,
        }),
      );
    }
  }
});

test('empty products are as on cpu', () => {
  expectSame(() => tf.matMul(tf.zeros([0, 3]), tf.zeros([3, 2])));
  expectSame(() => tf.matMul(tf.zeros([2, 0]), tf.zeros([0, 2])));
});

test('gradients of matMul in all transpositions', () => {
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const shapeA: [number, number, number] = transposeA ? [2, 7, 5] : [2, 5, 7];
      const shapeB: [number, number, number] = transposeB ? [2, 6, 7] : [2, 7, 6];
      expectSame(() => {
        const grads = tf.grads((a, b) => tf.sum(tf.square(tf.matMul(a!, b!, transposeA, transposeB))));
        return grads([tf.tensor3d(numbers(shapeA, 1), shapeA), tf.tensor3d(numbers(shapeB, 2), shapeB)]);
      });
    }
  }
});

test('results do not depend on the number of threads', () => {
  const f = (): Float32Array =>
    tf
      .tidy(() =>
        tf.matMul(tf.tensor2d(numbers([200, 300], 1), [200, 300]), tf.tensor2d(numbers([300, 77], 2), [300, 77])),
      )
      .dataSync() as Float32Array;
  const two = f();
  backend.setThreads(1);
  const one = f();
  backend.setThreads(2);
  expect(one).toEqual(two);
});
