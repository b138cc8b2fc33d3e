import { dispose } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { clipGlobalNorm, globalNorm, squaredNorms } from './norm.js';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const make = () => ({ a: tf.tensor2d([[3, 0]]), b: tf.scalar(4) });

test('the global norm is that of all gradients together', () => {
  expectClose(squaredNorms(make()), [9, 16]);
  expectClose(globalNorm(make()), [5]);
});

test('gradients above the largest norm are scaled down to it, others are kept', () => {
  expectClose(globalNorm(clipGlobalNorm(make(), { max: 2 })), [2], 1e-5);
  expectClose(clipGlobalNorm(make(), { max: 10 }).a!, [3, 0]);
  expectClose(clipGlobalNorm(make(), { max: 2, gradScale: 0.5 }).a!, [2.4, 0], 1e-5);
});

test('clipping takes its gradients over', async () => {
  await expectNoLeak(() => {
    const given = make();
    dispose(clipGlobalNorm(given, { max: 2 }));
    expect(given.a.isDisposed).toBe(true);
  });
});
