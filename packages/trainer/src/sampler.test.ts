import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { sampler } from './sampler.js';

test('an epoch holds every example once but for the dropped rest, and epochs differ', () => {
  const at = sampler({ count: 10, batchSize: 3, seed: 1 });
  const epoch = (n: number) => [0, 1, 2].flatMap((i) => at(3 * n + i));
  expect(new Set(epoch(0)).size).toBe(9);
  expect(epoch(0).every((i) => i >= 0 && i < 10)).toBe(true);
  expect(epoch(1)).not.toEqual(epoch(0));
});

test('a batch depends on seed and position alone', () => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(200), fc.nat(200), (seed, first, second) => {
      const used = sampler({ count: 17, batchSize: 4, seed });
      used(first);
      expect(used(second)).toEqual(sampler({ count: 17, batchSize: 4, seed })(second));
    }),
    { numRuns: 50, seed: 1 },
  );
});

test('a batch that cannot be filled is refused', () => {
  expect(() => sampler({ count: 3, batchSize: 4, seed: 0 })).toThrow('3 samples do not fill a batch of 4');
});

test('examples of about one size share a batch, each still comes once an epoch, and batches come in any order', () => {
  const size = (index: number): number => index % 10;
  const at = sampler({ count: 322, batchSize: 8, seed: 3, lengthOf: size });
  const epoch = Array.from({ length: 40 }, (_, i) => at(i));
  expect(new Set(epoch.flat()).size).toBe(320);
  const spread = (batch: number[]): number => Math.max(...batch.map(size)) - Math.min(...batch.map(size));
  expect(Math.max(...epoch.map(spread))).toBeLessThanOrEqual(4);
  const first = epoch.map((batch) => size(batch[0] as number));
  expect(first).not.toEqual([...first].sort());
  expect(sampler({ count: 322, batchSize: 8, seed: 3, lengthOf: size })(50)).toEqual(at(50));
});
