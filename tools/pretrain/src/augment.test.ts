import { rng } from '@blip2/tensor';
import { expect, test } from '@jest/globals';
import { augment } from './augment.js';

const SIZE = 64;

/** A red square in the middle of nothing. */
function square(): Uint8Array {
  const drawing = new Uint8Array(SIZE * SIZE * 4);
  for (let y = 20; y < 44; y++) {
    for (let x = 20; x < 44; x++) drawing.set([200, 60, 40, 255], (y * SIZE + x) * 4);
  }
  return drawing;
}

const areaOf = (drawing: Uint8Array): number =>
  drawing.filter((_, i) => i % 4 === 3).reduce((sum, a) => sum + a / 255, 0);

test('an augmented drawing keeps its place, about its size and its hue, and depends on the random numbers alone', () => {
  const before = square();
  const areas = Array.from({ length: 12 }, (_, seed) => {
    const after = augment(square(), SIZE, rng(seed));
    expect(augment(square(), SIZE, rng(seed))).toEqual(after);
    expect(after).not.toEqual(before);
    expect([...after.subarray(0, 4)]).toEqual([0, 0, 0, 0]); // the corner
    for (let i = 0; i < after.length; i += 4) {
      const [red = 0, green = 0, blue = 0, alpha] = after.subarray(i, i + 4);
      if (alpha === 255) expect(red).toBeGreaterThan(Math.max(green, blue));
    }
    return areaOf(after) / areaOf(before);
  });
  expect(Math.max(...areas)).toBeLessThan(1.5);
  const mean = areas.reduce((sum, area) => sum + area, 0) / areas.length;
  expect(mean).toBeGreaterThan(0.7);
  expect(mean).toBeLessThan(1.1);
});
