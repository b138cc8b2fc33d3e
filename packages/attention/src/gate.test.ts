import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { attend, attentionWeights } from './attend.js';

const random = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);
const [q, k, v] = [random([2, 3, 8], 1), random([2, 5, 8], 2), random([2, 5, 8], 3)] as const;
const mask = random([2, 1, 1, 5], 4);
const ones = tf.ones([2, 2, 3, 5]) as tf.Tensor4D;

test('a gate of ones changes nothing, and one of zeros silences a head', () => {
  expectClose(attend(q, k, v, { heads: 2, mask, gate: ones }), attend(q, k, v, { heads: 2, mask }), 1e-6);
  const silent = tf.concat([tf.zeros([2, 1, 3, 5]), tf.ones([2, 1, 3, 5])], 1) as tf.Tensor4D;
  const y = attend(q, k, v, { heads: 2, gate: silent });
  expectClose(tf.slice(y, [0, 0, 0], [2, 3, 4]), tf.zeros([2, 3, 4]), 0);
  expectClose(tf.slice(y, [0, 0, 4], [2, 3, 4]), tf.slice(attend(q, k, v, { heads: 2 }), [0, 0, 4], [2, 3, 4]), 1e-6);
});

test('the gradient by ones is probability times the gradient by the probability', async () => {
  const weight = random([2, 3, 8], 5);
  const loss = (gate: tf.Tensor) =>
    tf.sum(tf.mul(weight, attend(q, k, v, { heads: 2, mask, gate: gate as tf.Tensor4D })));
  checkGradients((gate) => loss(gate as tf.Tensor), [ones], { elements: 8 });
  const byGate = tf.grad(loss)(ones);
  const split = (x: tf.Tensor, rows: number) => tf.transpose(tf.reshape(x, [2, rows, 2, 4]), [0, 2, 1, 3]); // [B,H,rows,K]
  const byProbability = tf.matMul(split(weight, 3), split(v, 5), false, true); // [B,H,Q,L]
  expectClose(byGate, tf.mul(attentionWeights(q, k, { heads: 2, mask }), byProbability), 1e-5);
  await expectNoLeak(() => tf.grad(loss)(ones).dispose());
});

test('a gate of another shape is named', () => {
  expect(() => attend(q, k, v, { heads: 2, gate: tf.ones([2, 1, 3, 5]) as tf.Tensor4D })).toThrow(
    '[2,2,3,5], not [2,1,3,5]',
  );
});
