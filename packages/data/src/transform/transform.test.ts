import { rng } from '@blip2/tensor';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { DecodedImage } from '../image/image.js';
import { resizeBicubic } from '../image/resize.js';
import { augmentOperations, randomAugment } from './augment.js';
import { autoContrast, brightness, equalize, sharpness } from './color.js';
import { randomCropBox } from './random-box.js';
import { evalTransform, flipHorizontal, trainTransform } from './transform.js';
import { rotate, shear, translate } from './warp.js';

function gray(width: number, values: readonly number[]): DecodedImage {
  return { width, height: values.length / width, data: Uint8Array.from(values.flatMap((v) => [v, v, v])) };
}
const values = ({ data }: DecodedImage): number[] => [...data].filter((_, i) => i % 3 === 0);
const noise: DecodedImage = {
  width: 31,
  height: 23,
  data: Uint8Array.from({ length: 31 * 23 * 3 }, (_, i) => (i * i) % 251),
};

test('evaluation is a plain resize', () => {
  expect(evalTransform({ size: 12 })(noise)).toEqual(resizeBicubic(noise, 12, 12));
});

test('training repeats with the seed, changes with it, and does not touch its input', () => {
  const transform = trainTransform({ size: 12, augment: {} });
  const before = noise.data.slice();
  const results = [1, 1, 2].map((seed) => transform(noise, rng(seed)));
  expect(results[0]).toEqual(results[1]);
  expect(results[0]).not.toEqual(results[2]);
  expect(results[0]).toMatchObject({ width: 12, height: 12 });
  expect(noise.data).toEqual(before);
});

test('flipping always and never', () => {
  const whole = { size: 8, scale: [1, 1], ratio: [1, 1] } as const;
  const square = resizeBicubic(noise, 20, 20);
  const straight = trainTransform({ ...whole, flip: 0 })(square, rng(3));
  expect(straight).toEqual(resizeBicubic(square, 8, 8));
  expect(trainTransform({ ...whole, flip: 1 })(square, rng(3))).toEqual(flipHorizontal(straight));
  expect(values(flipHorizontal(gray(3, [1, 2, 3, 4, 5, 6])))).toEqual([3, 2, 1, 6, 5, 4]);
});

test('random parts lie inside, have the area and the ratio asked for', () => {
  const sides = fc.integer({ min: 20, max: 400 });
  fc.assert(
    fc.property(sides, sides, fc.integer(), (width, height, seed) => {
      const box = randomCropBox({ width, height }, rng(seed));
      expect(box.left >= 0 && box.top >= 0).toBe(true);
      expect(box.left + box.width <= width && box.top + box.height <= height).toBe(true);
      const ratio = box.width / box.height;
      expect(ratio > 0.69 && ratio < 1.45).toBe(true);
    }),
    { seed: 1 },
  );
  // no part of a strip this thin fits: the middle, as wide as the ratio lets it
  expect(randomCropBox({ width: 300, height: 30 }, rng(0))).toEqual({ left: 130, top: 0, width: 40, height: 30 });
  expect(randomCropBox({ width: 30, height: 300 }, rng(0))).toEqual({ left: 0, top: 130, width: 30, height: 40 });
});

test('color operations', () => {
  expect(values(autoContrast(gray(4, [50, 100, 150, 100])))).toEqual([0, 127, 255, 127]);
  expect(values(autoContrast(gray(2, [9, 9])))).toEqual([9, 9]);
  expect(values(brightness(gray(3, [10, 101, 200]), 1.5))).toEqual([15, 151, 255]);
  // 256 of each of 0, 10, 20: step 2, tables (1 + 0) / 2, (1 + 256) / 2, (1 + 512) / 2 cut at 255
  const three = Array.from({ length: 768 }, (_, i) => (i % 3) * 10);
  expect(values(equalize(gray(32, three))).slice(0, 3)).toEqual([0, 128, 255]);
  expect(values(equalize(gray(2, [4, 5])))).toEqual([4, 5]);
  const dot = gray(3, [0, 0, 0, 0, 130, 0, 0, 0, 0]);
  expect(values(sharpness(dot, 0))[4]).toBe(50);
  expect(values(sharpness(dot, 2))[4]).toBe(210);
  expect(sharpness(noise, 1)).toEqual(noise);
});

test('warps fetch from where they say and fill with gray', () => {
  const image = gray(3, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(values(translate(image, 1, 0))).toEqual([2, 3, 128, 5, 6, 128, 8, 9, 128]);
  expect(values(translate(image, 0, -1))).toEqual([128, 128, 128, 1, 2, 3, 4, 5, 6]);
  expect(values(shear(image, 1, 0))).toEqual([1, 2, 3, 128, 4, 5, 128, 128, 7]);
  expect(values(shear(image, 0, 1))).toEqual([1, 128, 128, 4, 2, 128, 7, 5, 3]);
  expect(rotate(image, 0)).toEqual(image);
  // OpenCV turns about width / 2, not about the middle of the pixels
  expect(values(rotate(image, 180)).slice(4)).toEqual([9, 8, 128, 6, 5]);
});

test('RandomAugment at its defaults leaves brightness and sharpness alone and keeps the size', () => {
  const random = rng(0);
  expect(augmentOperations.Brightness(noise, 0.5)).toEqual(noise);
  expect(augmentOperations.Sharpness(noise, 0.5)).toEqual(noise);
  const augment = randomAugment();
  const results = Array.from({ length: 40 }, () => augment(noise, random));
  expect(results.every(({ width, height }) => width === 31 && height === 23)).toBe(true);
  const unchanged = results.filter((result) => Buffer.compare(result.data, noise.data) === 0).length;
  expect(unchanged).toBeGreaterThan(5);
  expect(unchanged).toBeLessThan(35);
});
