import { solidImage } from '@blip2/data';
import { expect, test } from '@jest/globals';
import { heatColor, heatColors, paintHeat, queryMaps } from './heat.js';
import type { Attention } from './types.js';

const white = solidImage(40, 40, [255, 255, 255]);

function attention(values: readonly number[], rows = 2, columns = 2): Attention {
  return { image: white, label: 'a cat', maps: { rows, columns, values: Float32Array.from(values) } };
}

const pixel = (data: Uint8Array, x: number, y: number) => [...data.subarray((y * 40 + x) * 3, (y * 40 + x) * 3 + 3)];

test('colors fall in lightness at even steps', () => {
  const lightness = heatColors.map(([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((c) => (c / 255) ** 2.2) as [number, number, number];
    return 116 * Math.cbrt(0.2126 * R + 0.7152 * G + 0.0722 * B) - 16;
  });
  const falls = lightness.slice(1).map((l, i) => lightness[i]! - l);
  for (const fall of falls) expect(fall).toBeGreaterThan(7);
  expect(Math.max(...falls)).toBeLessThan(20);
  expect(heatColor(-1)).toEqual(heatColors[0]);
  expect(heatColor(9)).toEqual(heatColors.at(-1));
});

test('maps are split by query and told in even shares', () => {
  const [focused, even] = queryMaps(attention([0.7, 0.1, 0.1, 0.1, 0.25, 0.25, 0.25, 0.25]));
  expect(focused!.peak).toBeCloseTo(2.8, 5);
  expect(even!.peak).toBe(1);
});

test('the heat lies where the attention is, row by row', () => {
  const [map] = queryMaps(attention([0, 1, 0, 0, 0, 0], 2, 3));
  const { data, width, height } = paintHeat(white, map!);
  expect([width, height]).toEqual([40, 40]);
  expect(pixel(data, 20, 5)).toEqual([...heatColors.at(-1)!]);
  expect(pixel(data, 2, 38)).toEqual([255, 255, 255]);
});

test('even attention leaves the image pale, and the image is not changed', () => {
  const dark = solidImage(40, 40, [0, 0, 0]);
  const [map] = queryMaps(attention([0.25, 0.25, 0.25, 0.25]));
  expect(new Set(paintHeat(white, map!).data)).toEqual(new Set([255]));
  expect(new Set(paintHeat(dark, map!).data)).toEqual(new Set([89]));
  expect(new Set(dark.data)).toEqual(new Set([0]));
});

test('attention that is not a number counts as none', () => {
  const [map] = queryMaps(attention([Number.NaN, 1, 0, 0]));
  expect([...map!.shares]).toEqual([0, 4, 0, 0]);
});

test('maps that are not whole are refused', () => {
  expect(() => queryMaps(attention([1, 2, 3]))).toThrow(
    "The attention of 'a cat' has 3 values, which is not a multiple of 2 x 2; give weights of shape [Q, rows * columns].",
  );
  expect(() => queryMaps(attention([], 0, 2))).toThrow(/not a multiple of 0 x 2/);
});
