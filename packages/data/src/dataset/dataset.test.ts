import { expect, test } from '@jest/globals';
import { batchAt, batchIndices, listDataset, mapDataset, randomPermutation } from './dataset.js';

test('an order is a permutation, of its own for each seed', () => {
  const order = randomPermutation(100, 7);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(order).toEqual(randomPermutation(100, 7));
  expect(order).not.toEqual(randomPermutation(100, 8));
});

test('batches cover an epoch once, differ between epochs, and the last one can be kept', () => {
  const batches = batchIndices(10, 3, { seed: 1, dropLast: false });
  expect(batches.map((batch) => batch.length)).toEqual([3, 3, 3, 1]);
  expect(new Set(batches.flatMap((batch) => [...batch])).size).toBe(10);
  expect(batchIndices(10, 3, { seed: 1 })).toEqual(batches.slice(0, 3));
  expect(batchIndices(10, 3, { seed: 1, epoch: 1 })).not.toEqual(batches.slice(0, 3));
  expect(() => batchIndices(2, 3, { seed: 1 })).toThrow('2 items do not fill a batch of 3');
});

test('any step can be found again without the steps before it', () => {
  const step = batchAt(10, 3, { seed: 1, step: 7 });
  expect(step).toMatchObject({ epoch: 2, position: 1 });
  expect(step.indices).toEqual(batchIndices(10, 3, { seed: 1, epoch: 2 })[1]);
});

test('data sets', async () => {
  const doubled = mapDataset(listDataset([1, 2, 3]), (x, index) => `${index}: ${2 * x}`);
  expect(doubled.length).toBe(3);
  expect(await doubled.get(2)).toBe('2: 6');
  await expect(doubled.get(3)).rejects.toThrow('no item 3 among 3');
});
