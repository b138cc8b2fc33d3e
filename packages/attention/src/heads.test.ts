import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { attend } from './attend.js';
import { mergeHeads, splitHeads } from './heads.js';
import { multiHeadAttention } from './multi-head.js';

test('heads are contiguous blocks of the width, and merging undoes splitting', async () => {
  const x = tf.tensor3d([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23], [1, 3, 4]);
  const split = splitHeads(x, 2);
  expect(split.shape).toEqual([1, 2, 3, 2]);
  expectClose(split, [0, 1, 10, 11, 20, 21, 2, 3, 12, 13, 22, 23], 0);
  expectClose(mergeHeads(split), x, 0);
  expect(() => splitHeads(x, 3)).toThrow('multiple of 3 heads');
  await expectNoLeak(() => splitHeads(x, 2).dispose());
});

test('multi-head attention is attention between split and merged heads', async () => {
  const q = tf.randomNormal([2, 3, 8], 0, 1, 'float32', 1);
  const k = tf.randomNormal([2, 5, 8], 0, 1, 'float32', 2);
  const apart = mergeHeads(attend(splitHeads(q, 4), splitHeads(k, 4), splitHeads(k, 4)));
  const whole = multiHeadAttention(q, k, k, { heads: 4 });
  expect(whole.shape).toEqual([2, 3, 8]);
  expectClose(whole, apart, 0);
  await expectNoLeak(() => multiHeadAttention(q, k, k, { heads: 2, causal: true }).dispose());
});
