import { readFile } from 'node:fs/promises';
import { fixture } from '@blip2/testing';
import { describe, expect, test } from '@jest/globals';
import { decodeImage } from './decode.js';
import type { DecodedImage } from './image.js';

interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgb: string;
}
interface Entry extends Partial<Pixels> {
  readonly file: string;
  readonly oriented?: Pixels;
  readonly onMagenta?: string;
}
const entries: [name: string, entry: Entry][] = Object.entries(
  JSON.parse(await readFile(fixture('images/pillow.json'), 'utf8')),
);

/** What is refused, whether or not Pillow shows some of it. */
const refused = /(jpeg|tiff|bmp)-truncated|tiff-(zstd|int16|ycbcr-subsampled)/;
/** The high byte of 16-bit gray is kept, where Pillow clips at 255. */
const highByte = /gray16$/;
/** Other decoders of the same standard, and YCbCr in other fixed-point numbers. */
const oneOff = /avif|tiff-ycbcr/;

function largestError(image: DecodedImage, { width, height, rgb }: Pixels): number {
  expect([image.width, image.height]).toEqual([width, height]);
  const expected = Buffer.from(rgb, 'base64');
  return expected.reduce((most, value, i) => Math.max(most, Math.abs(value - image.data[i]!)), 0);
}

describe("every mode of every format is decoded as by Pillow's convert('RGB')", () => {
  test.each(entries.filter(([name]) => !refused.test(name) && !highByte.test(name)))('%s', async (name, entry) => {
    const bytes = Buffer.from(entry.file, 'base64');
    const most = oneOff.test(name) ? 1 : 0;
    const plain = entry as Pixels;
    const oriented = entry.oriented ?? plain;
    expect(largestError(await decodeImage(bytes), oriented)).toBeLessThanOrEqual(most);
    const stored = name.startsWith('avif') ? oriented : plain; // AVIF's rotation is a part of the format
    expect(largestError(await decodeImage(bytes, { orient: false }), stored)).toBeLessThanOrEqual(most);
  });

  test.each(entries.filter(([name]) => refused.test(name)))('%s is refused', async (_, { file }) => {
    const decoding = decodeImage(Buffer.from(file, 'base64'));
    await expect(decoding).rejects.toThrow(/is not an image that can be read|not supported/);
  });
});

test('of 16-bit gray the high byte is kept', async () => {
  for (const [name, { file }] of entries.filter(([key]) => highByte.test(key))) {
    const { data } = await decodeImage(Buffer.from(file, 'base64'));
    const rgb8 = Buffer.from(entries.find(([key]) => key === `${name.slice(0, -2)}`)![1].rgb!, 'base64');
    expect([name, ...data]).toEqual([name, ...rgb8]);
  }
  expect(new Set((await decodeImage(fixture('images/gray16.png'))).data).size).toBeGreaterThan(40);
  // values up to 255, which Pillow shows as they are
  expect(new Set((await decodeImage(fixture('images/gray16-dark.png'))).data)).toEqual(new Set([0]));
});

/** libpng ignores transparency of more colors than the palette has. */
const ignored = 'png-transparency-beyond-palette';

test.each(entries.filter(([name, entry]) => entry.onMagenta && name !== ignored))(
  '%s is composited over a background',
  async (name, entry) => {
    const bytes = Buffer.from(entry.file, 'base64');
    const { data } = await decodeImage(bytes, { background: [255, 0, 255] });
    const expected = Buffer.from(entry.onMagenta!, 'base64');
    const most = Math.max(...expected.map((value, i) => Math.abs(value - data[i]!)));
    expect(most).toBeLessThanOrEqual(oneOff.test(name) ? 1 : 0);
  },
);

describe('inputs that public bug reports describe', () => {
  const right = async (name: string) => new Uint8Array(await readFile(fixture(`images/${name}.rgb`)));

  test.each([
    'logo.gif',
    'partial-first-frame.gif',
    'samsung-sos.jpg',
    'garbage-between-markers.jpg',
    'picture.bmp',
    'picture.jfif',
  ])('%s', async (name) => {
    const { width, height, data } = await decodeImage(fixture(`images/${name}`));
    expect([width, height]).toEqual([48, 36]);
    const expected = await right(name);
    expect(data.every((value, i) => Math.abs(value - expected[i]!) <= (name.endsWith('.jpg') ? 1 : 0))).toBe(true);
  });

  test('a GIF and a PNG of one image are equal', async () => {
    expect(await decodeImage(fixture('images/logo.gif'))).toEqual(await decodeImage(fixture('images/logo.png')));
  });

  test('a YCbCr TIFF has the colors of the image that it was made of', async () => {
    const { data } = await decodeImage(fixture('images/ycbcr.tif'));
    const expected = await right('picture.bmp');
    expect(data.every((value, i) => Math.abs(value - expected[i]!) <= 3)).toBe(true);
  });

  test.each(['samsung-sos.jpg', 'garbage-between-markers.jpg', 'picture.jfif'])(
    '%s cut off anywhere is refused',
    async (name) => {
      const bytes = await readFile(fixture(`images/${name}`));
      for (let length = 4; length < bytes.length - 2; length += 23) {
        await expect(decodeImage(bytes.subarray(0, length))).rejects.toThrow('is not an image that can be read');
      }
    },
  );
});
