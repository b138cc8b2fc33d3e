import { openSafetensors } from '@blip2/tensor/safetensors';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { decodeImage } from './decode.js';
import type { DecodedImage } from './image.js';
import { crop, resize, resizeBicubic } from './resize.js';

function grayRow(values: readonly number[]): DecodedImage {
  return { width: values.length, height: 1, data: Uint8Array.from(values.flatMap((v) => [v, v, v])) };
}

const channel = ({ data }: DecodedImage): number[] => [...data].filter((_, i) => i % 3 === 1);

test('hand vectors of the specification, both ways', () => {
  const row = grayRow([0, 50, 100, 200, 255]);
  expect(channel(resizeBicubic(row, 3, 1))).toEqual([16, 110, 237]);
  expect(channel(resizeBicubic(row, 8, 1))).toEqual([0, 17, 53, 81, 129, 195, 238, 255]);
  const column: DecodedImage = { ...row, width: 1, height: 5 };
  expect(channel(resizeBicubic(column, 1, 3))).toEqual([16, 110, 237]);
});

test.each(['chelsea.png', 'coffee.png', 'rocket.jpg'])(
  '%s becomes what Pillow makes of it, bit for bit',
  async (file) => {
    const image = await decodeImage(fixture(`photos/${file}`));
    const golden = await openSafetensors(fixture('photos/resized.safetensors'));
    for (const size of [56, 224, 640]) {
      const expected = await golden.read(`${file}.${size}.uint8`);
      const actual = resizeBicubic(image, size, size).data;
      expect(Buffer.compare(actual, Uint8Array.from(expected))).toBe(0);
    }
    await golden.close();
  },
);

test('where far more rows than columns go, Pillow goes by columns first, which clipping makes visible', () => {
  const bright = (x: number, y: number): number => ((x * 7 + y * 5 + x * y) % 3 === 0 ? 255 : 0);
  const values = Array.from({ length: 48 }, (_, i) => bright(i % 4, Math.floor(i / 4)));
  const tall: DecodedImage = { ...grayRow(values), width: 4, height: 12 };
  expect(channel(resizeBicubic(tall, 3, 3))).toEqual([68, 40, 100, 59, 40, 90, 48, 42, 79]); // Pillow 13
});

test('a box is a crop before resizing, and the same size is a copy', () => {
  const image: DecodedImage = { width: 7, height: 5, data: Uint8Array.from({ length: 105 }, (_, i) => (i * 37) % 256) };
  const box = { left: 2, top: 1, width: 4, height: 3 };
  expect(resize(image, 9, 2, { box })).toEqual(resize(crop(image, box), 9, 2));
  const same = resize(image, 7, 5);
  expect(same).toEqual(image);
  expect(same.data).not.toBe(image.data);
});

test('values computed with Pillow 13 for the other filters', () => {
  const row = grayRow([0, 50, 100, 200, 255, 13, 77]);
  expect(channel(resize(row, 3, 1, { filter: 'bilinear' }))).toEqual([43, 170, 88]);
  expect(channel(resize(row, 3, 1, { filter: 'lanczos' }))).toEqual([29, 186, 88]);
  expect(channel(resize(row, 10, 1, { filter: 'lanczos' }))).toEqual([0, 23, 62, 97, 158, 249, 247, 59, 18, 89]);
});

test('a part outside the image and a size of zero are refused', () => {
  const image = grayRow([1, 2, 3]);
  expect(() => crop(image, { left: 2, top: 0, width: 2, height: 1 })).toThrow('does not lie in an image of 3 x 1');
  expect(() => resizeBicubic(image, 0, 4)).toThrow('cannot be resized to 0 x 4');
});
