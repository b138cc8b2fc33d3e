import { expect, test } from '@jest/globals';
import { batchIterator, mixBatches } from './batch-iterator.js';

test.each([0, 0.1, 0.2, 0.5, 0.75, 1])('of a mixture each part goes on where it was, %d of it the second', (share) => {
  const next = mixBatches(
    (turn: number) => ['first', turn] as const,
    (turn: number) => ['second', turn] as const,
    share,
  );
  const drawn = Array.from({ length: 60 }, (_, position) => next(position));
  for (const name of ['first', 'second']) {
    const of = drawn.filter(([from]) => from === name).map(([, turn]) => turn);
    expect(of).toEqual(of.map((_, i) => i));
  }
  expect(drawn.filter(([from]) => from === 'second')).toHaveLength(60 * share);
});

test('a source gives whole batches of its own, and none is drawn of one that is too small and never asked', () => {
  const next = batchIterator({ count: 6, batch: (places) => places }, { batchSize: 3, seed: 1 });
  expect([...next(0), ...next(1)].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(next(0)).toEqual(next(0));
  const small = batchIterator({ count: 1, batch: (places) => places }, { batchSize: 3, seed: 1 });
  expect(mixBatches(next, small, 0)(0)).toEqual(next(0));
  expect(() => small(0)).toThrow();
});

test('examples of similar length share a batch', () => {
  const lengthOf = (index: number): number => (index % 2 === 0 ? 3 : 9);
  const next = batchIterator({ count: 64, lengthOf, batch: (indices) => indices }, { batchSize: 8, seed: 3 });
  for (let position = 0; position < 16; position++) {
    expect(new Set(next(position).map(lengthOf)).size).toBe(1);
  }
});
