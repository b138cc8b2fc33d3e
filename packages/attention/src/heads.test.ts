import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { attend, attentionWeights } from './attend.js';
import { mergeHeads, splitHeads } from './heads.js';

test('heads are contiguous blocks of the width, and come together again', async () => {
  const x = tf.reshape(tf.range(0, 8), [1, 2, 4]);
  const split = splitHeads(x, 2);
  expect(split.shape).toEqual([1, 2, 2, 2]);
  expectClose(split, [0, 1, 4, 5, 2, 3, 6, 7], 0);
  expectClose(mergeHeads(split), x, 0);
  expect(() => splitHeads(x, 3)).toThrow('multiple of 3 heads');
  await expectNoLeak(() => splitHeads(x, 2).dispose());
});

test('attention with heads together equals attention with heads apart, and rows pick keys and values', async () => {
  const q = tf.randomNormal([2, 3, 8], 0, 1, 'float32', 1);
  const k = tf.randomNormal([2, 5, 8], 0, 1, 'float32', 2);
  const apart = mergeHeads(attend(splitHeads(q, 4), splitHeads(k, 4), splitHeads(k, 4)));
  expectClose(attend(q, k, k, { heads: 4 }), apart, 0);
  expectClose(attentionWeights(q, k, { heads: 4 }), attentionWeights(splitHeads(q, 4), splitHeads(k, 4)), 0);

  const rows = tf.tensor1d([1, 1], 'int32');
  const picked = tf.gather(k, rows);
  expectClose(attend(q, k, k, { heads: 2, rows }), attend(q, picked, picked, { heads: 2 }), 0);
  expectClose(attentionWeights(q, k, { heads: 2, rows }), attentionWeights(q, picked, { heads: 2 }), 0);
  await expectNoLeak(() => attend(q, k, k, { heads: 2, rows, causal: true }).dispose());
});

test('rows and widths that do not belong together are named', () => {
  const [q, k] = [tf.zeros([2, 3, 8]), tf.zeros([3, 5, 8])];
  expect(() => attend(q, k, k, { heads: 2 })).toThrow('keys [3,5,8] and no rows');
  expect(() => attend(q, k, k, { heads: 2, rows: tf.tensor1d([0, 1]) })).toThrow('rows float32 [2]');
  expect(() => attend(q, q, q, { heads: 3 })).toThrow('D a multiple of 3');
  expect(() => attend(q, q, tf.zeros([2, 3, 4]), { heads: 2 })).toThrow('not [2,3,4]');
});
