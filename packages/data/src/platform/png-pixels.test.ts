import { expect, test } from '@jest/globals';
import sharp, { type Sharp } from 'sharp';
import { isPlainPng, pngPixels } from './png-pixels.js';

const png = async (channels: 3 | 4, more: (image: Sharp) => Sharp = (image) => image): Promise<Uint8Array> => {
  const background = { r: 10, g: 20, b: 30, alpha: 0.5 };
  return new Uint8Array(
    await more(sharp({ create: { width: 3, height: 2, channels, background } }))
      .png()
      .toBuffer(),
  );
};

test('a PNG is plain unless it is deep or turned', async () => {
  expect(isPlainPng(await png(3))).toBe(true);
  expect(isPlainPng(await png(4))).toBe(true);
  expect(isPlainPng(await png(3, (image) => image.toColorspace('rgb16')))).toBe(false);
  expect(isPlainPng(await png(3, (image) => image.withExif({ IFD0: { Orientation: '6' } })))).toBe(false);
  expect(isPlainPng(new Uint8Array([0x89, 0x50]))).toBe(false);
  expect(isPlainPng((await png(4)).subarray(0, 30))).toBe(true); // what is cut off, the decoder finds
});

test('without an ImageDecoder there is nothing', async () => {
  expect(await pngPixels(await png(4))).toBeUndefined();
});
