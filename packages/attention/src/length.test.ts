import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { attend, attentionWeights } from './attend.js';
import { splitHeads } from './heads.js';

const random = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);
const q = random([2, 3, 8], 1);
const [k, v] = [random([2, 5, 8], 2), random([2, 5, 8], 3)] as const;
const roomy = (x: tf.Tensor): tf.Tensor => tf.concat([x, tf.fill([2, 2, 8], Number.NaN)], 1);

test('rows beyond the length are not read, with heads together or apart', async () => {
  const [keys, values] = [roomy(k), roomy(v)] as const;
  const mask = random([2, 1, 3, 5], 4);
  for (const options of [{}, { causal: true }, { mask }]) {
    expectClose(
      attend(q, keys, values, { heads: 2, length: 5, ...options }),
      attend(q, k, v, { heads: 2, ...options }),
      0,
    );
    const apart = [q, k, v, keys, values].map((x) => splitHeads(x, 2)) as [tf.Tensor, ...tf.Tensor[]];
    const [Q, K, V, roomyK, roomyV] = apart as unknown as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    expectClose(attend(Q, roomyK, roomyV, { length: 5, ...options }), attend(Q, K, V, options), 0);
    expectClose(attentionWeights(Q, roomyK, { length: 5, ...options }), attentionWeights(Q, K, options), 0);
  }
  await expectNoLeak(() => attend(q, keys, values, { heads: 2, length: 5 }).dispose());
});

test('rows beyond the length get a gradient of 0', () => {
  const long = [random([1, 2, 4], 1), random([1, 5, 4], 2), random([1, 5, 4], 3)];
  const weight = random([1, 2, 4], 9);
  checkGradients((q, k, v) => tf.mul(weight, attend(q!, k!, v!, { heads: 2, length: 3 })), long, { tolerance: 2e-3 });
});

test('a length that cannot be is named', () => {
  expect(() => attend(q, k, v, { heads: 2, length: 6 })).toThrow('length of 6; choose a whole number from 0 to 5');
  expect(() => attend(q, k, v, { heads: 2, length: 2.5 })).toThrow('length of 2.5');
  expect(() => attend(q, k, v, { heads: 2, length: 4, mask: tf.zeros([1, 1, 1, 5]) })).toThrow('[B,H,Q,L] = [2,2,3,4]');
});
