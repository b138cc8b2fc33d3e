import { expect, test } from '@jest/globals';
import { cover, PLACES, SIZE } from './places.js';

const covered = (left: number, top: number, side: number): number[] => {
  const to = new Float32Array(PLACES);
  cover(to, { left, top, width: side, height: side });
  return Array.from(to);
};

test('a box has the places whose middles it is nearest to, each by how much of the box lies there', () => {
  expect(covered(0, 0, 24).indexOf(1)).toBe(0);
  expect(covered(90, 60, 16)[2 * 4 + 3]).toBeCloseTo(1, 6);
  const half = covered(8, 0, 32); // 16 of 32 pixels up to 24 down and across
  expect([half[0], half[1], half[4], half[5]]).toEqual([0.375, 0.375, 0.125, 0.125].map((x) => expect.closeTo(x, 6)));
  const whole = covered(0, 0, SIZE);
  expect(whole.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
  expect(whole[5]! / whole[0]!).toBeCloseTo((32 * 32) / (24 * 24), 5);
});

test('what stands over the edge counts as far as it is in the image', () => {
  expect(covered(-10, -10, 30)[0]).toBeCloseTo(1, 6);
});
