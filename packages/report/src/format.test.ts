import { expect, test } from '@jest/globals';
import { count, decimal, duration, ordinal, percent, plural, scientific, times } from './format.js';

test('numbers are written alike everywhere', () => {
  expect([0.2875, 0.0025, 1, 0].map(percent)).toEqual(['28.8%', '0.3%', '100.0%', '0.0%']);
  expect([3.2, 12.345].map(decimal)).toEqual(['3.20', '12.35']);
  expect(times(8.24)).toBe('8.2×');
  expect([400, 12_000, 1_234_567].map(count)).toEqual(['400', '12\u2009000', '1\u2009234\u2009567']);
  expect([0, 3e-4, 1.5e-5, 1, 20].map(scientific)).toEqual(['0', '3e-4', '1.5e-5', '1', '2e1']);
  expect([1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal).join(' ')).toBe(
    '1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 111th',
  );
  expect([plural(1, 'step'), plural(2, 'step')]).toEqual(['1 step', '2 steps']);
});

test('time is told in two units', () => {
  expect([4.4, 492, 3599.7, 7500].map(duration)).toEqual(['4 s', '8 min 12 s', '1 h 0 min', '2 h 5 min']);
});

test('what is not a number is said to be absent', () => {
  for (const format of [percent, decimal, times, count, scientific, duration]) expect(format(Number.NaN)).toBe('n/a');
});
