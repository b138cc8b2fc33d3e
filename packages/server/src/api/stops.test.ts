import { expect, test } from '@jest/globals';
import { cutAt, StoppedText } from './stops.js';

test.each([
  ['a red cat', ['red'], 'a', true],
  ['a red cat', ['cat', 'red'], 'a', true],
  ['a red cat', ['dog'], 'a red cat', false],
  ['a red cat', [], 'a red cat', false],
  ['a red ca', ['cat'], 'a red ca', false],
])('%j before %j is %j', (text, stops, expected, stopped) => {
  expect(cutAt(text, stops)).toEqual({ text: expected, stopped });
});

test('in whatever pieces a text comes, it ends at the same place, and nothing of a stop is given away', () => {
  const text = 'aabaabaaab and more';
  for (let first = 0; first <= text.length; first++) {
    for (let second = first; second <= text.length; second++) {
      const cut = new StoppedText(['aaab', 'xyz']);
      const pieces = [text.slice(0, first), text.slice(first, second), text.slice(second)];
      expect(pieces.map((piece) => cut.push(piece)).join('') + cut.rest()).toBe('aabaab');
      expect(cut.stopped).toBe(true);
    }
  }
});
