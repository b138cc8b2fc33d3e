import { expect, test } from '@jest/globals';
import { lineOf, messageOf } from './protocol.js';

test('a message is one line, and comes back as it was', () => {
  const question = { ask: 'prepare', bench: 'matmul', case: 'ABᵀ\n', work: { op: 'matmul', M: 2 } } as const;
  const line = lineOf(question);
  expect(line.indexOf('\n')).toBe(line.length - 1);
  expect(messageOf(line)).toEqual(question);
});

test.each(['', 'a warning of some library', '{ not JSON', '[1]'])('%j is no message', (line) => {
  expect(messageOf(line)).toBeUndefined();
});
