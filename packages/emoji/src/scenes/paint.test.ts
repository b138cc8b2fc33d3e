import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { renderBackground } from './background.js';
import { type SceneDataset, sceneDataset } from './dataset.js';
import { renderScene } from './paint.js';
import { cropSprite, type Sprites } from './sprites.js';
import { loadNouns } from './vocabulary.js';

const cacheDir = mkdtempSync(join(tmpdir(), 'blip2-scenes-'));
afterAll(() => rmSync(cacheDir, { recursive: true }));
const clear = [0, 0, 0, 0];

describe('a sprite', () => {
  test('is the visible part, averaged by area with its alpha', () => {
    const [red, blue] = [
      [200, 0, 0, 255],
      [0, 0, 100, 255],
    ] as const;
    // 4 x 4 with a 2 x 4 bar in the middle columns: red over blue, the last row half transparent
    const row = (pixel: readonly number[]) => [clear, pixel, pixel, clear].flat();
    const drawing = new Uint8Array([row(red), row(red), row(blue), row([0, 0, 100, 128])].flat());
    const half = cropSprite(drawing, 4, 2);
    expect([half.width, half.height]).toEqual([1, 2]);
    expect([...half.data.slice(0, 4)]).toEqual([200, 0, 0, 255]);
    const alpha = (1 + 128 / 255) / 2;
    expect([...half.data.slice(4)]).toEqual([0, 0, Math.round(100 * alpha), Math.round(255 * alpha)]);
    expect(cropSprite(drawing, 4, 4).data).toEqual(
      new Uint8Array([red, red, red, red, blue, blue, [0, 0, 50, 128], [0, 0, 50, 128]].flat()),
    );
  });

  test('of nothing visible is empty', () => {
    expect(cropSprite(new Uint8Array(3 * 3 * 4), 3, 2)).toEqual({ width: 2, height: 2, data: new Uint8Array(16) });
  });
});

describe('painting', () => {
  const entry = loadNouns()[0]!.entry;
  const background = { from: [10, 20, 30], to: [10, 20, 30], angle: 1 } as const;

  test('a background runs from one color to the other', () => {
    expect(new Set(renderBackground(background, 4))).toEqual(new Set([10, 20, 30]));
    const data = renderBackground({ from: [0, 0, 0], to: [200, 100, 0], angle: 0 }, 4);
    expect([...data.slice(0, 12)]).toEqual([25, 13, 0, 75, 38, 0, 125, 63, 0, 175, 88, 0]);
  });

  test('lays sprites where they belong, blended by alpha and clipped at the border', () => {
    const sprites: Sprites = (_, __, pixels) => ({
      width: pixels,
      height: pixels,
      data: new Uint8Array(pixels * pixels * 4).fill(128), // white, half transparent
    });
    const placed = { entry, vendor: 'twemoji', x: 0.5, y: 0, size: 0.5 } as const;
    const { width, height, data } = renderScene({ background, layout: [placed] }, sprites, 4);
    expect([width, height]).toEqual([4, 4]);
    const mixed = [10, 20, 30].map((v) => Math.floor(128 + v * (1 - 128 / 255) + 0.5));
    const plain = [10, 20, 30];
    expect([...data.slice(0, 12)]).toEqual([plain, mixed, mixed, plain].flat());
    expect([...data.slice(12)]).toEqual(Array.from({ length: 12 }, () => plain).flat());
  });
});

describe('the data set', () => {
  let data: SceneDataset;
  beforeAll(async () => {
    data = await sceneDataset('test', { size: 112, count: 24, cacheDir, seed: 5 });
  });

  test('paints a scene the same each time, with something at every place', () => {
    for (let i = 0; i < data.length; i++) {
      const { image, layout, background } = data.get(i);
      expect(data.get(i).image).toEqual(image);
      const bare = renderBackground(background, 112);
      for (const { x, y, size } of layout) {
        let changed = 0;
        const [left, top, side] = [(x - size / 2) * 112, (y - size / 2) * 112, size * 112].map(Math.round) as [
          number,
          number,
          number,
        ];
        for (let v = top; v < top + side; v++)
          for (let u = left; u < left + side; u++) {
            const p = (v * 112 + u) * 3;
            if ([0, 1, 2].some((c) => image.data[p + c] !== bare[p + c])) changed++;
          }
        expect(changed).toBeGreaterThan(0.2 * side * side);
      }
    }
  });

  test('ends where it ends', () => {
    expect(data.length).toBe(24);
    expect(() => data.get(24)).toThrow('there are 24');
    expect(data.metadata(3).caption).toBe(data.get(3).caption);
  });
});
