import { describe, expect, test } from '@jest/globals';
import type { Drawing } from './drawings.js';
import type { DrawingsFile } from './drawings-file.js';
import { MOST, NONE, paintIdentities, sameEmoji } from './identities.js';
import { CELLS, STUDENT_SIZE as SIZE } from './teach.js';

describe('the same emoji', () => {
  test('is one that two sets draw', () => {
    const drawing = (set: string, code?: string) => ({ set, code }) as unknown as Drawing;
    const drawings = [drawing('a', '1'), drawing('b', '2'), drawing('b', '1'), drawing('b', '2'), drawing('a')];
    expect(sameEmoji(drawings)).toEqual([[0, 2]]);
  });
});

describe('painted identities', () => {
  // a full square of one value a drawing, so that a place tells what stands there
  const file = {
    read: (index: number) => new Uint8Array(SIZE * SIZE * 4).map((_, i) => (i % 4 === 3 ? 255 : index * 60)),
  } as unknown as DrawingsFile;
  const classes = [[0], [1, 2], [3]];
  const painted = paintIdentities(classes, file, { batch: 12, seed: 5 });

  test('are a function of the seed', () => {
    expect(paintIdentities(classes, file, { batch: 12, seed: 5 })).toEqual(painted);
    expect(paintIdentities(classes, file, { batch: 12, seed: 6 })).not.toEqual(painted);
  });

  test('have a share of the cells for each drawing, and none where there is none', () => {
    const { labels, shares } = painted;
    expect(labels).toHaveLength(12 * MOST);
    labels.forEach((label, place) => {
      const sum = shares.subarray(place * CELLS, (place + 1) * CELLS).reduce((a, b) => a + b, 0);
      expect(sum).toBeCloseTo(label === NONE ? 0 : 1, 5);
      if (label !== NONE) expect(label).toBeLessThan(classes.length);
    });
    for (let b = 0; b < 12; b++) expect(labels[b * MOST]).not.toBe(NONE);
  });

  test('stand where their shares say', () => {
    const { images, shares, labels } = painted;
    const grid = Math.sqrt(CELLS);
    labels.forEach((label, place) => {
      if (label !== 0) return; // drawing 0 is black, whatever its tint
      const share = shares.subarray(place * CELLS, (place + 1) * CELLS);
      const cell = share.indexOf(Math.max(...share));
      const [x, y] = [(cell % grid) + 0.5, Math.floor(cell / grid) + 0.5].map((at) => Math.floor((at * SIZE) / grid));
      const pixel = ((Math.floor(place / MOST) * SIZE + (y as number)) * SIZE + (x as number)) * 3;
      expect([...images.subarray(pixel, pixel + 3)]).toEqual([0, 0, 0]);
    });
    expect(labels).toContain(0);
  });
});
