import { expect, test } from '@jest/globals';
import { type Drawing, sameEmoji } from './drawings.js';

test('the same emoji is one that two sets draw', () => {
  const drawing = (set: string, code?: string) => ({ set, code }) as unknown as Drawing;
  const drawings = [drawing('a', '1'), drawing('b', '2'), drawing('b', '1'), drawing('b', '2'), drawing('a')];
  expect(sameEmoji(drawings)).toEqual([[0, 2]]);
});
