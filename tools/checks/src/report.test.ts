import { expect, test } from '@jest/globals';
import { report } from './report.js';
import { countsOf, failuresOf } from './test-counts.js';

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

test('tests that failed are named, with the first lines of their messages', () => {
  const failed = { status: 'failed', fullName: 'adds', failureMessages: [`expected 3\n${'at\n'.repeat(50)}`] };
  const passed = { status: 'passed', fullName: 'runs', failureMessages: [] };
  const counts = { numPassedTests: 1, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0 };
  const testResults = [
    { message: 'adds', assertionResults: [passed, failed] },
    { message: 'Cannot find module', assertionResults: [] },
    { message: '', assertionResults: [passed] },
  ];
  const failures = failuresOf({ ...counts, numRuntimeErrorTestSuites: 1, success: false, testResults });
  expect(failures).toHaveLength(2);
  expect(failures[0]).toMatch(/^adds: expected 3\nat/);
  expect(failures[0]!.split('\n')).toHaveLength(12);
  expect(failures[1]).toBe('Cannot find module');
  expect(failuresOf(undefined)).toEqual(['its tests did not run']);
});
