import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fixture } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { decodeImage, encodePng } from './decode.js';
import { cmykToRgb } from './formats/color.js';
import { solidImage } from './image.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blip2-data-'));
});
afterAll(() => rm(folder, { recursive: true }));

const raw = (channels: 1 | 2 | 3 | 4, values: number[]) =>
  sharp(Uint8Array.from(values), { raw: { width: values.length / channels, height: 1, channels } });

test('a PNG that was encoded here comes back as it was', async () => {
  const image = { width: 3, height: 2, data: Uint8Array.from({ length: 18 }, (_, i) => i * 14) };
  expect(await decodeImage(await encodePng(image))).toEqual(image);
});

test('alpha is dropped, or laid on a background', async () => {
  const bytes = await raw(4, [10, 20, 30, 0, 40, 50, 60, 255]).png().toBuffer();
  expect([...(await decodeImage(bytes)).data]).toEqual([10, 20, 30, 40, 50, 60]);
  const laid = await decodeImage(bytes, { background: [255, 255, 255] });
  expect([...laid.data]).toEqual([255, 255, 255, 40, 50, 60]);
});

test('gray, gray with alpha, palette and 16 bits become 8-bit RGB', async () => {
  const gray = await raw(1, [7, 200]).toColorspace('b-w').png().toBuffer();
  expect((await sharp(gray).metadata()).channels).toBe(1);
  expect([...(await decodeImage(gray)).data]).toEqual([7, 7, 7, 200, 200, 200]);
  const grayAlpha = await raw(2, [7, 0, 200, 255]).toColorspace('b-w').png().toBuffer();
  expect([...(await decodeImage(grayAlpha)).data]).toEqual([7, 7, 7, 200, 200, 200]);
  const palette = await raw(3, [255, 0, 0, 0, 0, 255]).png({ palette: true }).toBuffer();
  expect([...(await decodeImage(palette)).data]).toEqual([255, 0, 0, 0, 0, 255]);
  const wide = await raw(3, [255, 0, 0, 0, 0, 255]).toColorspace('rgb16').png().toBuffer();
  expect((await sharp(wide).metadata()).depth).toBe('ushort');
  expect([...(await decodeImage(wide)).data]).toEqual([255, 0, 0, 0, 0, 255]);
});

test('CMYK is converted without a profile, as Pillow does', async () => {
  expect([...cmykToRgb(Uint8Array.from([1, 253, 203, 39]))]).toEqual([215, 2, 44]); // Pillow 13
  const bytes = await raw(3, [200, 30, 60]).toColorspace('cmyk').jpeg({ quality: 100 }).toBuffer();
  const { data } = await decodeImage(bytes);
  expect(data.length).toBe(3);
  expect(data[0]).toBeGreaterThan(data[1]!);
});

test('EXIF orientation is applied unless switched off', async () => {
  const bytes = await raw(3, [1, 2, 3, 4, 5, 6]).withMetadata({ orientation: 6 }).png().toBuffer();
  expect(await decodeImage(bytes)).toEqual({ width: 1, height: 2, data: Uint8Array.from([1, 2, 3, 4, 5, 6]) });
  expect(await decodeImage(bytes, { orient: false })).toMatchObject({ width: 2, height: 1 });
});

test('paths, file URLs, bytes, Blobs and images are accepted', async () => {
  const image = solidImage(2, 2, [1, 2, 3]);
  const png = await encodePng(image);
  const path = join(folder, 'image.png');
  await writeFile(path, png);
  expect(await decodeImage(path)).toEqual(image);
  expect(await decodeImage(pathToFileURL(path))).toEqual(image);
  await expect(decodeImage(new URL('https://example.org/a.png'))).rejects.toThrow('is not a file URL');
  expect(await decodeImage(new Blob([new Uint8Array(png)]))).toEqual(image);
  expect(await decodeImage(image)).toBe(image);
  expect((await decodeImage(fixture('photos/rocket.jpg'))).width).toBe(640);
});

test('what cannot be read is named', async () => {
  const notes = join(folder, 'notes.txt');
  await writeFile(notes, 'no image');
  await expect(decodeImage(notes)).rejects.toThrow(/notes\.txt" is not an image that can be read/);
  await expect(decodeImage(join(folder, 'absent.png'))).rejects.toThrow(/There is no image at ".*absent\.png"/);
  await expect(decodeImage(folder)).rejects.toThrow(/is a folder, not a file/);
  await expect(decodeImage(new Uint8Array(0))).rejects.toThrow('An image given as bytes is not an image');
  const png = await encodePng(solidImage(40, 40, [9, 9, 9]));
  await expect(decodeImage(png.slice(0, png.length - 30))).rejects.toThrow('is not an image that can be read');
  await expect(decodeImage({ width: 2, height: 2, data: new Uint8Array(3) })).rejects.toThrow('needs 12 bytes');
});

test('a Git LFS pointer in place of an image is named as such', async () => {
  const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 499432\n`;
  const decoding = decodeImage(new TextEncoder().encode(pointer));
  await expect(decoding).rejects.toThrow(/^An image given as bytes: it is a Git LFS pointer in place of the file; run/);
});

test('an image above the limit is refused before it is decoded', async () => {
  const png = await encodePng(solidImage(100, 100, [0, 0, 0]));
  await expect(decodeImage(png, { maxPixels: 9999 })).rejects.toThrow('100 x 100 pixels, more than the limit of 9999');
});
