import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { attend } from './attend.js';
import { appendKeyValue, type KeyValue, reorderKeyValue } from './key-value.js';

const random = (shape: number[], seed: number): tf.Tensor => tf.randomNormal(shape, 0, 1, 'float32', seed);

test('step by step with a cache equals one causal pass', () => {
  const [q, key, value] = [random([2, 5, 8], 1), random([2, 5, 8], 2), random([2, 5, 8], 3)] as const;
  const at = (x: tf.Tensor, from: number, length: number): tf.Tensor => tf.slice(x, [0, from, 0], [2, length, 8]);
  let cache: KeyValue | undefined;
  const steps = [
    { from: 0, length: 3 },
    { from: 3, length: 1 },
    { from: 4, length: 1 },
  ].map(({ from, length }) => {
    cache = appendKeyValue(cache, { key: at(key, from, length), value: at(value, from, length) });
    return attend(at(q, from, length), cache.key, cache.value, { heads: 2, causal: true });
  });
  expect(cache?.key.shape).toEqual([2, 5, 8]);
  expectClose(tf.concat(steps, 1), attend(q, key, value, { heads: 2, causal: true }), 1e-6);
});

test('beams are picked by index and the given cache stays its owner’s', async () => {
  const cache = { key: tf.reshape(tf.range(0, 12), [3, 2, 2]), value: tf.reshape(tf.range(12, 24), [3, 2, 2]) };
  const picked = reorderKeyValue(cache, tf.tensor1d([2, 0, 0, 1], 'int32'));
  expect(picked.key.shape).toEqual([4, 2, 2]);
  expectClose(picked.key, [8, 9, 10, 11, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7], 0);
  await expectNoLeak(() => {
    const longer = appendKeyValue(cache, cache);
    const first = appendKeyValue(undefined, longer);
    for (const { key, value } of [longer, first]) tf.dispose([key, value]);
  });
  expect(cache.key.isDisposed).toBe(false);
});
