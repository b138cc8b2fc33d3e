import { expect, test } from '@jest/globals';
import { report } from './report.js';
import { countsOf } from './test-counts.js';

test('the report ends with the total, and says whether all passed', () => {
  const lines: string[] = [];
  const results = [
    { name: 'sizes a', problems: [] },
    { name: 'sizes b', problems: ['one', 'two\nlines'] },
  ];
  expect(report(results, (line) => lines.push(line))).toBe(false);
  expect(lines).toEqual([
    'ok   sizes a',
    'FAIL sizes b',
    '       one',
    '       two\n       lines',
    '1 passed, 1 failed',
  ]);
  expect(report(results.slice(0, 1), () => {})).toBe(true);
});

test('tests that could not run are failures', () => {
  const results = {
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 1,
    numTodoTests: 0,
    numRuntimeErrorTestSuites: 0,
    success: true,
  };
  expect(countsOf(results)).toMatchObject({ passed: 3, failed: 0, skipped: 1 });
  expect(countsOf({ ...results, numRuntimeErrorTestSuites: 2, success: false })).toMatchObject({
    passed: 3,
    failed: 2,
  });
  expect(countsOf({ ...results, success: false })).toMatchObject({ failed: 1 });
  expect(countsOf(undefined)).toMatchObject({ passed: 0, failed: 1 });
});
