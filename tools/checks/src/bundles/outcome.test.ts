import { expect, test } from '@jest/globals';
import { differences } from './outcome.js';

const node = { threads: 2, relaxedSimd: true, fallbacks: {}, values: [1, -0.5, 3], caption: 'a cat' };

test('what equals Node up to rounding has no differences', () => {
  expect(differences({ ...node, values: [1 + 1e-5, -0.5, 3] }, node, 2)).toEqual([]);
});

test.each([
  [{ threads: 1 }, 'The threads: 1, not 2.'],
  [{ fallbacks: { Softmax: 1 } }, 'fell back'],
  [{ values: [1, -0.5, 3.01] }, 'differs from Node'],
  [{ values: [1, -0.5, Number.NaN] }, 'differs from Node'],
  [{ values: [1, -0.5] }, 'number of values: 2, not 3'],
  [{ caption: 'a dog' }, 'The caption: "a dog", not "a cat"'],
])('%j is reported', (changed, problem) => {
  expect(differences({ ...node, ...changed }, node, 2).join('\n')).toContain(problem);
});
