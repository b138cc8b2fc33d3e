import { expectNoLeak } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { poolImageFeatures } from './pool.js';

beforeAll(() => tf.setBackend('cpu'));

test('features are averaged over the queries and have length 1', async () => {
  await expectNoLeak(() => {
    tf.tidy(() => {
      const features = tf.tensor3d([3, 0, 0, 5, 1, 1, 3, 3, 0, 0, 0, 0], [3, 2, 2]);
      const pooled = poolImageFeatures(features).arraySync();
      const r = Math.SQRT1_2;
      const expected = [3 / Math.hypot(3, 5), 5 / Math.hypot(3, 5), r, r, 0, 0];
      pooled.flat().forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 6);
      });
    });
  });
});
