import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { attend } from './attend.js';

const random = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);
const inputs = (): [tf.Tensor, tf.Tensor, tf.Tensor] => [
  random([2, 3, 4], 1),
  random([2, 5, 4], 2),
  random([2, 5, 4], 3),
];
const shapes = [[2, 2, 3, 5], [1, 2, 3, 5], [2, 1, 1, 5], [2, 2, 3, 1], [3, 5], [5], [2, 1, 5], []];

test('a bias is added to the scores as a mask is, whatever it broadcasts over', () => {
  const mask = random([2, 1, 1, 5], 5);
  for (const shape of shapes) {
    const bias = random(shape, 4);
    const sum = tf.add(bias, mask);
    const right = attend(...inputs(), { heads: 2, causal: true, mask: sum });
    expectClose(attend(...inputs(), { heads: 2, causal: true, mask, bias }), right, 1e-6);
  }
});

test('the gradient by a bias agrees with finite differences, summed over what it broadcasts over', () => {
  const weight = random([2, 3, 4], 9);
  for (const shape of shapes) {
    const f = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
      tf.mul(weight, attend(q, k, v, { heads: 2, causal: true, bias }));
    checkGradients(f as never, [...inputs(), random(shape, 4)], { tolerance: 2e-3 });
  }
});

test('a bias that does not fit, or has no gradient, is named', async () => {
  const [q, k, v] = inputs();
  expect(() => attend(q, k, v, { heads: 2, bias: tf.zeros([3, 4]) })).toThrow(
    'bias of shape [3,4] does not broadcast to [B,H,Q,L] = [2,2,3,5]',
  );
  expect(() => attend(q, k, v, { heads: 2, bias: tf.zeros([5], 'int32') })).toThrow('must be float32, not int32');
  const bias = random([2, 3, 5], 4);
  await expectNoLeak(() => attend(q, k, v, { heads: 2, bias }).dispose());
});
