import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { backend, expectSame, numbers, relativeError } from '../test-support/both.js';

const unaries: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  neg: tf.neg,
  exp: tf.exp,
  log: (x) => tf.log(tf.abs(x)),
  sqrt: (x) => tf.sqrt(tf.abs(x)),
  rsqrt: (x) => tf.rsqrt(tf.abs(x)),
  square: tf.square,
  relu: tf.relu,
  step: (x) => tf.step(x, 0.25),
  tanh: tf.tanh,
  sigmoid: tf.sigmoid,
  erf: tf.erf,
  abs: tf.abs,
  reciprocal: tf.reciprocal,
  ceil: tf.ceil,
  floor: tf.floor,
  round: tf.round,
  sign: tf.sign,
  sin: tf.sin,
  cos: tf.cos,
  expm1: tf.expm1,
  log1p: (x) => tf.log1p(tf.abs(x)),
  softplus: tf.softplus,
  elu: tf.elu,
  selu: tf.selu,
  leakyRelu: (x) => tf.leakyRelu(x, 0.3),
  clip: (x) => tf.clipByValue(x, -0.5, 2),
  relu6: tf.relu6,
};

test.each(Object.entries(unaries))('%s of small, large and special numbers', (_, op) => {
  for (const scale of [1e-3, 1, 6, 40, 300]) {
    expectSame(() => op(tf.tensor1d(numbers([203], scale, scale))), 2e-6);
  }
  const large = op === tf.sin || op === tf.cos ? 1e8 : 1e30;
  expectSame(
    () => op(tf.tensor1d([0, -0, 1, -1, Infinity, -Infinity, NaN, large, -large, 1e-30, 88.5, 89, -87])),
    2e-6,
  );
  expectSame(() => op(tf.zeros([0, 3])));
  expectSame(() => op(tf.tensor2d(numbers([200, 301], 1), [200, 301])), 2e-6);
});

test('exp, log and their relatives, and tanh, are within 1e-6 relative', () => {
  expect(relativeError(tf.exp, Math.exp, [-86, 88.7])).toBeLessThan(1e-6);
  expect(relativeError(tf.log, Math.log, [1.1, 1000])).toBeLessThan(1e-6);
  expect(relativeError(tf.log, Math.log, [1e-6, 0.9])).toBeLessThan(1e-6);
  expect(relativeError(tf.expm1, Math.expm1, [-5, 5])).toBeLessThan(1e-6);
  expect(relativeError(tf.expm1, Math.expm1, [-1e-3, 1e-3])).toBeLessThan(1e-6);
  expect(relativeError(tf.log1p, Math.log1p, [-0.9, 5])).toBeLessThan(1e-6);
  expect(relativeError(tf.log1p, Math.log1p, [-1e-3, 1e-3])).toBeLessThan(1e-6);
  expect(relativeError(tf.sin, Math.sin, [0.01, 3.1])).toBeLessThan(1e-6);
  expect(relativeError(tf.softplus, (x) => Math.log1p(Math.exp(x)), [-20, 20])).toBeLessThan(1e-6);
  expect(relativeError(tf.tanh, Math.tanh, [-8, 8])).toBeLessThan(1e-6);
});

test('sine and cosine of large numbers', () => {
  const xs = [1e3, 12345.678, -98765.4, 1e6, 3e8, Infinity, NaN];
  expectSame(() => [tf.sin(tf.tensor1d(xs)), tf.cos(tf.tensor1d(xs))], 1e-6);
  const [far] = tf.tidy(() => tf.sin(tf.tensor1d([1e30]))).dataSync();
  expect(Math.abs(far!)).toBeLessThanOrEqual(1);
});

test('unary kernels leave nothing to tfjs', () => {
  const ops = backend.profile(() => tf.tidy(() => void Object.values(unaries).map((f) => f(tf.ones([4])))));
  expect(ops.filter((op) => op.fallbacks > 0)).toEqual([]);
});
