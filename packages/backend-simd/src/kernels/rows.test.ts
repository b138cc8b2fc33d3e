import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { backend, expectSame, kernel, named, numbers } from '../test-support/both.js';

test('softmax and log-softmax of rows of any width', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(1, 30),
      (D, rows, scale) => {
        const x = (): tf.Tensor => tf.tensor(numbers([rows, D], 1, scale), [rows, D]);
        expectSame(() => [tf.softmax(x()), tf.logSoftmax(x())], 3e-6);
      },
    ),
    { numRuns: 60, seed: 4 },
  );
  expectSame(() => tf.softmax(tf.tensor2d(numbers([200, 257], 1), [200, 257])), 2e-6);
  expectSame(() => tf.softmax(tf.tensor1d([0, -1e9, 1, -1e4])));
  expectSame(() => tf.softmax(tf.zeros([2, 0])));
});

test('gradients of softmax and log-softmax', () => {
  for (const f of [tf.softmax, tf.logSoftmax] as ((x: tf.Tensor) => tf.Tensor)[]) {
    expectSame(() => {
      const weights = tf.tensor2d(numbers([4, 13], 2), [4, 13]);
      return tf.grad((x) => tf.sum(tf.mul(f(x), weights)))(tf.tensor2d(numbers([4, 13], 1), [4, 13]));
    });
  }
});

const labels = [3, -100, 0, 16, 5];
function crossEntropy(logits: tf.Tensor, smoothing: number): tf.Tensor {
  const V = logits.shape.at(-1)!;
  const valid = tf.tensor1d(labels.map((label) => Number(label !== -100)));
  const target = tf.add(tf.oneHot(tf.tensor1d(labels, 'int32'), V, 1 - smoothing, 0, 'float32'), smoothing / V);
  return tf.mul(valid, tf.neg(tf.sum(tf.mul(target, tf.logSoftmax(logits)), -1)));
}

test('cross-entropy and its gradient, with smoothing and ignored labels', () => {
  for (const smoothing of [0, 0.1]) {
    const attrs = { smoothing, ignore: -100 };
    const make = (): [tf.Tensor, tf.Tensor, tf.Tensor] => [
      tf.tensor2d(numbers([5, 17], 1, 3), [5, 17]),
      tf.tensor1d(labels, 'int32'),
      tf.tensor1d(numbers([5], 2)),
    ];
    expectSame(() => {
      const [logits, labels] = make();
      return named('CrossEntropy')
        ? kernel('CrossEntropy', { logits, labels }, attrs)[0]!
        : crossEntropy(logits, smoothing);
    });
    expectSame(() => {
      const [logits, labels, dy] = make();
      if (named('CrossEntropyGrad')) return kernel('CrossEntropyGrad', { dy, logits, labels }, attrs)[0]!;
      return tf.grad((x) => tf.sum(tf.mul(crossEntropy(x, smoothing), dy)))(logits);
    });
  }
});

test('a label out of range is NaN, not another row', () => {
  const [loss] = tf
    .tidy(
      () =>
        kernel(
          'CrossEntropy',
          { logits: tf.zeros([1, 4]), labels: tf.tensor1d([4], 'int32') },
          { smoothing: 0, ignore: -100 },
        )[0]!,
    )
    .dataSync();
  expect(loss).toBeNaN();
});

test('the same bits with one thread and with two', () => {
  const shape: [number, number] = [300, 257];
  const f = (): number[][] =>
    tf.tidy(() => {
      const x = tf.tensor2d(numbers(shape, 1), shape);
      const w = tf.tensor1d(numbers([257], 2));
      const outs = [
        tf.softmax(x),
        tf.sum(x),
        tf.sum(x, 0),
        ...kernel('LayerNormGrad', { dy: x, x, weight: w }, { epsilon: 1e-5 }),
      ];
      return outs.map((t) => Array.from(t.dataSync()));
    });
  const two = f();
  backend.setThreads(1);
  const one = f();
  backend.setThreads(2);
  expect(one).toEqual(two);
});
