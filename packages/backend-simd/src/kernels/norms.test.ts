import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { backend, expectSame, kernel, named, numbers } from '../test-support/both.js';

const epsilon = 1e-5;

function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const centered = tf.sub(x, tf.mean(x, -1, true));
  const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), 1e-5));
  return tf.add(tf.mul(tf.mul(centered, rstd), weight), bias);
}

test.each([
  [1, 5],
  [3, 33],
  [130, 768],
  [2, 1],
])('layer norm and its gradient, [%i,%i]', (rows, D) => {
  const make = (): [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor] => [
    tf.tensor2d(numbers([rows, D], 1), [rows, D]),
    tf.tensor1d(numbers([D], 2)),
    tf.tensor1d(numbers([D], 3)),
    tf.tensor2d(numbers([rows, D], 4), [rows, D]),
  ];
  expectSame(() => {
    const [x, weight, bias] = make();
    return named('LayerNorm')
      ? kernel('LayerNorm', { x, weight, bias }, { epsilon: 1e-5 })[0]!
      : layerNorm(x, weight, bias);
  });
  expectSame(() => {
    const [x, weight, bias, dy] = make();
    if (named('LayerNormGrad')) return kernel('LayerNormGrad', { dy, x, weight }, { epsilon: 1e-5 });
    return tf.grads((x, w, b) => tf.sum(tf.mul(layerNorm(x!, w!, b!), dy)))([x, weight, bias]);
  }, 5e-5);
});

function rmsNorm(x: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(x, tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))), weight);
}

const makeRms = (rows: number, D: number): [tf.Tensor, tf.Tensor, tf.Tensor] => [
  tf.tensor2d(numbers([rows, D], 1), [rows, D]),
  tf.tensor1d(numbers([D], 2)),
  tf.tensor2d(numbers([rows, D], 3), [rows, D]),
];

test.each([
  [1, 5],
  [3, 33],
  [130, 768],
  [2, 1],
])('RMS norm and its gradient, [%i,%i]', (rows, D) => {
  expectSame(() => {
    const [x, weight] = makeRms(rows, D);
    return named('RmsNorm') ? kernel('RmsNorm', { x, weight }, { epsilon })[0]! : rmsNorm(x, weight);
  });
  expectSame(() => {
    const [x, weight, dy] = makeRms(rows, D);
    if (named('RmsNormGrad')) return kernel('RmsNormGrad', { dy, x, weight }, { epsilon });
    return tf.grads((x, w) => tf.sum(tf.mul(rmsNorm(x!, w!), dy)))([x, weight]);
  }, 5e-5);
});

test('no rows: no error, and a weight gradient of zeros', () => {
  tf.tidy(() => {
    const [x, weight, dy] = makeRms(0, 6);
    expect(kernel('RmsNorm', { x, weight }, { epsilon })[0]!.shape).toEqual([0, 6]);
    const [dx, dWeight] = kernel('RmsNormGrad', { dy, x, weight }, { epsilon });
    expect(dx!.shape).toEqual([0, 6]);
    expect([...dWeight!.dataSync()]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

test('the same bits with one thread and with two', () => {
  const f = (): number[][] =>
    tf.tidy(() => {
      const [x, weight, dy] = makeRms(300, 257);
      return kernel('RmsNormGrad', { dy, x, weight }, { epsilon }).map((t) => Array.from(t.dataSync()));
    });
  const two = f();
  backend.setThreads(1);
  const one = f();
  backend.setThreads(2);
  expect(one).toEqual(two);
});
