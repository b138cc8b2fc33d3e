import { expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { padBatch, toIdTensors } from './pad.js';

const rows = [[5, 6, 7], [8]];

test('rows are filled up on either side', () => {
  expect(padBatch(rows, { pad: 1 })).toEqual({
    ids: Int32Array.of(5, 6, 7, 8, 1, 1),
    mask: Int32Array.of(1, 1, 1, 1, 0, 0),
    shape: [2, 3],
  });
  expect(padBatch(rows, { pad: 1, side: 'left', length: 4 })).toEqual({
    ids: Int32Array.of(1, 5, 6, 7, 1, 1, 1, 8),
    mask: Int32Array.of(0, 1, 1, 1, 0, 0, 0, 1),
    shape: [2, 4],
  });
});

test('too long a row is cut where that is asked for, else refused', () => {
  expect([...padBatch(rows, { pad: 0, length: 2, truncate: 'right' }).ids]).toEqual([5, 6, 8, 0]);
  expect([...padBatch(rows, { pad: 0, length: 2, truncate: 'left', side: 'left' }).ids]).toEqual([6, 7, 0, 8]);
  expect(() => padBatch(rows, { pad: 0, length: 2 })).toThrow('Row 0 has 3 ids and at most 2 fit');
  expect(padBatch([], { pad: 0 }).shape).toEqual([0, 0]);
});

test('as tensors', () =>
  expectNoLeak(() => {
    const { ids, mask } = toIdTensors(padBatch(rows, { pad: 1 }));
    expect([ids.dtype, ids.shape, mask.shape]).toEqual(['int32', [2, 3], [2, 3]]);
    ids.dispose();
    mask.dispose();
  }));
