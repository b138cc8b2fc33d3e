import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { attend, attentionWeights } from './attend.js';
import { mergeHeads, splitHeads } from './heads.js';

const random = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);
const [q, k, v] = [random([2, 3, 24], 1), random([2, 5, 8], 2), random([2, 5, 8], 3)] as const;
const options = { heads: 6, keyHeads: 2 };

/** Key head i, three times in a row. */
function repeated(x: tf.Tensor): tf.Tensor {
  return mergeHeads(tf.gather(splitHeads(x, 2), tf.tensor1d([0, 0, 0, 1, 1, 1], 'int32'), 1));
}

test('heads share the keys and values of their group', async () => {
  const mask = random([2, 6, 3, 5], 4);
  for (const rest of [{}, { mask, causal: true }, { rows: tf.tensor1d([1, 1], 'int32') }, { length: 4 }]) {
    const right = attend(q, repeated(k), repeated(v), { heads: 6, ...rest });
    expectClose(attend(q, k, v, { ...options, ...rest }), right, 1e-6);
    const weights = attentionWeights(q, repeated(k), { heads: 6, ...rest });
    expectClose(attentionWeights(q, k, { ...options, ...rest }), weights, 1e-6);
    const apart = attend(splitHeads(q, 6), splitHeads(k, 2), splitHeads(v, 2), rest);
    expectClose(mergeHeads(apart), right, 1e-6);
  }
  await expectNoLeak(() => attend(q, k, v, options).dispose());
});

test('the gradients of shared keys and values are sums over their heads', () => {
  const weight = random([2, 3, 24], 9);
  checkGradients((q, k, v) => tf.mul(weight, attend(q!, k!, v!, options)), [q, k, v], { tolerance: 5e-3 });
});

test('heads that cannot be shared are named', () => {
  expect(() => attend(q, k, v, { heads: 6, keyHeads: 4 })).toThrow('6 query heads cannot share 4');
  expect(() => attend(q, k, v, { heads: 6, keyHeads: 0 })).toThrow('cannot share 0');
  expect(() => attend(q, k, v, { heads: 6, keyHeads: 3 })).toThrow('[I,L,D·3/6]');
  expect(() => attend(splitHeads(q, 3), splitHeads(k, 2), splitHeads(v, 2))).toThrow('a divisor of it');
});
