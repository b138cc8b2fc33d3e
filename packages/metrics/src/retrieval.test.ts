import { expect, test } from '@jest/globals';
import { recall } from './retrieval.js';

test('both directions of a small matrix', () => {
  const scores = [
    [0.9, 0.1, 0.2],
    [0.8, 0.7, 0.1],
    [0.1, 0.2, 0.3],
  ];
  const { rowsToColumns, columnsToRows } = recall(scores);
  expect(rowsToColumns).toEqual({ r1: 2 / 3, r5: 1, r10: 1 });
  expect(columnsToRows).toEqual({ r1: 1, r5: 1, r10: 1 });
  const flat = Float32Array.from(scores.flat());
  expect(recall(flat, { rows: 3, columns: 3 })).toEqual({ rowsToColumns, columnsToRows });
});

test('several right answers: the best one counts, and every caption finds its image', () => {
  const scores = [
    [0.1, 0.9, 0.5, 0.4], // its texts are 0 and 1
    [0.2, 0.3, 0.1, 0.25], // its texts are 2 and 3
  ];
  const { rowsToColumns, columnsToRows } = recall(scores, {
    targets: [
      [0, 1],
      [2, 3],
    ],
  });
  expect(rowsToColumns).toEqual({ r1: 0.5, r5: 1, r10: 1 });
  expect(columnsToRows.r1).toBe(0.25); // text 1 alone
  expect(columnsToRows.r5).toBe(1);
});

test('cut-offs at 5 and 10 of 12', () => {
  const row = (rank: number) => Array.from({ length: 12 }, (_, i) => (i === 0 ? 0.5 : i <= rank ? 0.9 : 0.1));
  const ranks = [0, 4, 5, 9, 10];
  const { rowsToColumns } = recall(ranks.map(row), { targets: ranks.map(() => 0) });
  expect(rowsToColumns).toEqual({ r1: 0.2, r5: 0.4, r10: 0.8 });
});

test('ties and NaN count against the model', () => {
  const same = recall([
    [1, 1],
    [1, 1],
  ]);
  expect(same.rowsToColumns.r1).toBe(0);
  expect(recall([[Number.NaN, 0]], { targets: [0] }).rowsToColumns.r1).toBe(0);
  expect(recall([[1, Number.NaN]], { targets: [0] }).rowsToColumns.r1).toBe(0);
});

test('what is no matrix, and targets that do not fit, are refused', () => {
  expect(() => recall([1, 2, 3], { rows: 2, columns: 2 })).toThrow('not a matrix of 2 x 2');
  expect(() => recall([[1, 2], [3]])).toThrow('Row 1 has 1 scores');
  expect(() => recall([[1, 2]], { targets: [2] })).toThrow('target 2 of query 0');
  expect(() => recall([[1, 2]], { targets: [0, 1] })).toThrow('targets for 2 rows of 1');
});
