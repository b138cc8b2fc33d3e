import { describe, expect, test } from '@jest/globals';
import { MOST, NONE, paint } from './paint.js';
import { PLACES, SIZE } from './places.js';

/** A full square of one value a drawing, so that a place tells what stands there. */
const file = {
  read: (index: number) => new Uint8Array(SIZE * SIZE * 4).map((_, i) => (i % 4 === 3 ? 255 : index * 60)),
};
const classes = [[0], [1, 2], [3]];
const options = { batch: 24, seed: 5 };
const painted = paint(classes, file, options);
const counts = (labels: Int32Array): number[] =>
  Array.from(
    { length: options.batch },
    (_, b) => Array.from(labels.subarray(b * MOST, (b + 1) * MOST)).filter((label) => label !== NONE).length,
  );

describe('painted images', () => {
  test('are a function of the seed', () => {
    expect(paint(classes, file, options)).toEqual(painted);
    expect(paint(classes, file, { ...options, seed: 6 })).not.toEqual(painted);
  });

  test('show drawings changed where they are augmented, as a function of the seed too', () => {
    const augmented = { ...options, augmented: true };
    expect(paint(classes, file, augmented)).toEqual(paint(classes, file, augmented));
    const first = (images: Uint8Array): Uint8Array => images.subarray(0, SIZE * SIZE * 3);
    const [plain, changed] = [options, augmented].map((how) => first(paint([[3]], file, { ...how, batch: 1 }).images));
    expect(changed).not.toEqual(plain);
  });

  test('show one drawing or two to four', () => {
    const all = counts(painted.labels);
    expect(all.filter((count) => count === 1).length).toBeGreaterThan(5);
    expect(all.filter((count) => count > 1).length).toBeGreaterThan(5);
    expect(counts(paint(classes, file, { ...options, only: 'scenes' }).labels).every((count) => count > 1)).toBe(true);
  });

  test('have a share of the places for each drawing, and none where there is none', () => {
    painted.labels.forEach((label, at) => {
      const sum = painted.shares.subarray(at * PLACES, (at + 1) * PLACES).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(label === NONE ? 0 : 1, 5);
      if (label !== NONE) expect(label).toBeLessThan(classes.length);
    });
  });

  test('show each drawing where its shares say', () => {
    const { images, shares, labels } = painted;
    const middles = [8, 40, 72, 104];
    labels.forEach((label, at) => {
      if (label !== 0) return; // drawing 0 is black, whatever its tint
      const share = shares.subarray(at * PLACES, (at + 1) * PLACES);
      const largest = Math.max(...share);
      const place = share.indexOf(largest);
      const covered = [middles[place % 4] as number, middles[Math.floor(place / 4)] as number];
      if (share.filter((one) => one > largest - 1e-6).length > 1) return;
      const [x, y] = covered as [number, number];
      const pixel = ((Math.floor(at / MOST) * SIZE + y) * SIZE + x) * 3;
      expect([...images.subarray(pixel, pixel + 3)]).toEqual([0, 0, 0]);
    });
    expect(labels).toContain(0);
  });
});
