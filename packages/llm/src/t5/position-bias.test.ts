import { dispose, initialize } from '@blip2/tensor';
import { expectClose } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { t5Config } from './config.js';
import { distanceBuckets, lastPositionBias, positionBias } from './position-bias.js';
import { t5Spec } from './spec.js';

/** The first distance of each bucket. */
const firsts = (config: { buckets: number; maxDistance: number }, direction: 'encoder' | 'decoder'): number[] => {
  const found = [...distanceBuckets(config, direction, 200)];
  return [...new Set(found)].map((bucket) => found.indexOf(bucket));
};

test('buckets begin at the distances of the reference', () => {
  const usual = { buckets: 32, maxDistance: 128 };
  expect(firsts(usual, 'encoder')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]);
  const far = [16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113];
  expect(firsts(usual, 'decoder')).toEqual([...Array.from({ length: 16 }, (_, i) => i), ...far]);
  const small = { buckets: 16, maxDistance: 32 };
  expect(firsts(small, 'encoder')).toEqual([0, 1, 2, 3, 4, 7, 12, 20]);
  expect(firsts(small, 'decoder')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 23, 27]);
});

test('the encoder tells keys before from keys after, the decoder has no keys after', () => {
  const sizes = { vocab_size: 5, d_model: 4, d_kv: 2, d_ff: 4, num_heads: 2, num_layers: 1 };
  const config = t5Config({ ...sizes, relative_attention_num_buckets: 8, relative_attention_max_distance: 6 });
  const p = initialize(t5Spec(config), 1);
  tf.tidy(() => {
    for (const direction of ['encoder', 'decoder'] as const) {
      const bias = tf.squeeze(positionBias(p, config, direction, 12), [0]).arraySync() as number[][][]; // [H,Q,L]
      const table = p[direction].block[0]?.layer[0].SelfAttention.relative_attention_bias?.weight.arraySync();
      const own = distanceBuckets(config, direction, 12);
      for (const [h, q, k] of [
        [0, 11, 3],
        [1, 4, 4],
        [1, 2, 9],
      ] as const) {
        const distance = own[Math.abs(q - k)] as number;
        const bucket = k <= q ? distance : direction === 'encoder' ? distance + 4 : 0;
        expect(bias[h]?.[q]?.[k]).toBe((table as number[][])[bucket]?.[h]);
      }
    }
    const whole = positionBias(p, config, 'decoder', 12);
    const row = lastPositionBias(p, config, 20);
    for (const position of [0, 7, 11]) {
      const part = tf.slice(row, [0, 0, 0, 19 - position], [1, 2, 1, position + 1]);
      expectClose(part, tf.slice(whole, [0, 0, position, 0], [1, 2, 1, position + 1]), 0);
    }
  });
  dispose(p);
});
