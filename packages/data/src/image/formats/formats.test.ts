import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import sharp from 'sharp';
import { decodeImage } from '../decode.js';
import { orient } from './orientation.js';

const side = fc.integer({ min: 1, max: 12 });
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const image = (channels: number) =>
  fc
    .tuple(side, side)
    .chain(([width, height]) => bytesOf(width * height * channels).map((data) => ({ width, height, channels, data })));

type Raw = { width: number; height: number; channels: number; data: Uint8Array };
const raw = ({ width, height, channels, data }: Raw) =>
  sharp(data, { raw: { width, height, channels: channels as 1 | 2 | 3 | 4 } });

/** The RGB bytes of an image of one to four channels, alpha dropped. */
function rgbOf({ channels, data }: Raw): number[] {
  const result: number[] = [];
  for (let i = 0; i < data.length; i += channels) {
    for (let c = 0; c < 3; c++) result.push(data[i + (channels < 3 ? 0 : c)]!);
  }
  return result;
}

const lossless = {
  png: (from: Raw) =>
    raw(from)
      .toColorspace(from.channels < 3 ? 'b-w' : 'srgb')
      .png(),
  tiff: (from: Raw) =>
    raw(from)
      .toColorspace(from.channels < 3 ? 'b-w' : 'srgb')
      .tiff({ compression: 'deflate' }),
  webp: (from: Raw) => raw(from).webp({ lossless: true, exact: true }),
};

test.each(Object.entries(lossless))('%s returns the pixels of one to four channels', async (_, encode) => {
  const any = fc.integer({ min: 1, max: 4 }).chain(image);
  await fc.assert(
    fc.asyncProperty(any, async (from) => {
      const { width, height, data } = await decodeImage(await encode(from).toBuffer());
      expect([width, height, ...data]).toEqual([from.width, from.height, ...rgbOf(from)]);
    }),
    { numRuns: 60, seed: 17 },
  );
});

test('an orientation and its inverse cancel, and sharp orients alike', async () => {
  await fc.assert(
    fc.asyncProperty(
      image(3),
      fc.integer({ min: 1, max: 8 }),
      async ({ width, height, channels, data }, orientation) => {
        const plain = { width, height, data };
        const inverse = [0, 1, 2, 3, 4, 5, 8, 7, 6][orientation]!;
        expect(orient(orient(plain, orientation), inverse)).toEqual(plain);
        const file = await raw({ ...plain, channels })
          .withMetadata({ orientation })
          .png()
          .toBuffer();
        const decoded = await decodeImage(file);
        expect(decoded).toEqual(orient(plain, orientation));
        expect(decoded.data).toEqual(new Uint8Array(await sharp(file).autoOrient().raw().toBuffer()));
      },
    ),
    { numRuns: 40, seed: 18 },
  );
});

interface Gif {
  readonly screen: readonly [number, number];
  readonly frame: readonly [left: number, top: number, width: number, height: number];
  readonly bits: number;
  readonly global: Uint8Array;
  readonly local: Uint8Array | undefined;
  readonly transparent: number | undefined;
  readonly interlaced: boolean;
  readonly indices: Uint8Array;
}

const gifs: fc.Arbitrary<Gif> = fc
  .record({ bits: fc.integer({ min: 2, max: 8 }), width: side, height: side })
  .chain(({ bits, width, height }) =>
    fc.record({
      screen: fc.tuple(side, side),
      frame: fc.tuple(
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        fc.constant(width),
        fc.constant(height),
      ),
      bits: fc.constant(bits),
      global: bytesOf(3 * 2 ** bits),
      local: fc.option(bytesOf(3 * 2 ** bits), { nil: undefined }),
      transparent: fc.option(fc.integer({ min: 0, max: 2 ** bits - 1 }), { nil: undefined }),
      interlaced: fc.boolean(),
      indices: fc
        .array(fc.integer({ min: 0, max: 2 ** bits - 1 }), { minLength: width * height, maxLength: width * height })
        .map((list) => Uint8Array.from(list)),
    }),
  );

/** Rows in stored order. */
function storedRows({ frame, indices, interlaced }: Gif): number[] {
  const [, , width, height] = frame;
  const order = interlaced
    ? [
        [0, 8],
        [4, 8],
        [2, 4],
        [1, 2],
      ]
    : [[0, 1]];
  const rows: number[] = [];
  for (const [start, step] of order) {
    for (let y = start!; y < height; y += step!) rows.push(...indices.subarray(y * width, (y + 1) * width));
  }
  return rows;
}

/** A GIF file whose codes are literals, with a clear code before the table grows a bit. */
function encodeGif(gif: Gif): Uint8Array {
  const { screen, frame, bits, global, local, transparent, interlaced } = gif;
  const short = (value: number): number[] => [value & 255, value >> 8];
  const clear = 2 ** bits;
  const codes = storedRows(gif).flatMap((index, i) => (i % (clear - 2) === 0 ? [clear, index] : [index]));
  codes.push(clear + 1);
  const packed = [0];
  for (const [i, code] of codes.entries()) {
    for (let bit = 0; bit <= bits; bit++) {
      const at = i * (bits + 1) + bit;
      packed[at >> 3] = (packed[at >> 3] ?? 0) | (((code >> bit) & 1) << (at & 7));
    }
  }
  const blocks: number[] = [];
  for (let i = 0; i < packed.length; i += 255) {
    const block = packed.slice(i, i + 255);
    blocks.push(block.length, ...block);
  }
  return Uint8Array.from([
    ...new TextEncoder().encode('GIF89a'),
    ...screen.flatMap(short),
    ...[0x80 | (bits - 1), 0, 0, ...global],
    ...(transparent === undefined ? [] : [0x21, 0xf9, 4, 1, 0, 0, transparent, 0]),
    ...[0x2c, ...frame.flatMap(short), (local ? 0x80 | (bits - 1) : 0) | (interlaced ? 0x40 : 0), ...(local ?? [])],
    ...[bits, ...blocks, 0, 0x3b],
  ]);
}

test("a GIF's first frame lies on its transparent index or index 0", async () => {
  await fc.assert(
    fc.asyncProperty(
      gifs,
      fc.option(fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)), { nil: undefined }),
      async (gif, background) => {
        const [left, top, w, h] = gif.frame;
        const [width, height] = [Math.max(gif.screen[0], left + w), Math.max(gif.screen[1], top + h)];
        const colors = gif.local ?? gif.global;
        const expected: number[] = [];
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const inside = x >= left && x < left + w && y >= top && y < top + h;
            const index = inside ? gif.indices[(y - top) * w + x - left]! : (gif.transparent ?? 0);
            const color =
              background && index === gif.transparent ? background : colors.subarray(3 * index, 3 * index + 3);
            expected.push(...color);
          }
        }
        const decoded = await decodeImage(encodeGif(gif), background ? { background } : {});
        expect([decoded.width, decoded.height, ...decoded.data]).toEqual([width, height, ...expected]);
      },
    ),
    { numRuns: 200, seed: 19 },
  );
});

test('a GIF that is cut off before its last pixel is refused', async () => {
  await fc.assert(
    fc.asyncProperty(gifs, async (gif) => {
      const bytes = encodeGif(gif);
      await expect(decodeImage(bytes.subarray(0, bytes.length - 5))).rejects.toThrow('it is truncated');
    }),
    { numRuns: 50, seed: 20 },
  );
});

test('a JPEG whose scan header is too short is refused', async () => {
  const start = [0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 1, 0, 1, 1, 1, 0x11, 0];
  for (let length = 0; length < 9; length++) {
    const bytes = Uint8Array.from([...start, 0xff, 0xda, 0, length, 1, 1, 0, 0, 0, 0, 0xff, 0xd9]);
    await expect(decodeImage(bytes)).rejects.toThrow('is not an image that can be read');
  }
});

test('arbitrary bytes after the signatures are refused in one sentence', async () => {
  const signatures = ['GIF89a', 'BM', '\xff\xd8\xff', 'II*\0', '\x89PNG\r\n\x1a\n'];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...signatures), fc.uint8Array({ maxLength: 200 }), async (signature, rest) => {
      const bytes = Uint8Array.from([...signature].map((c) => c.charCodeAt(0)).concat([...rest]));
      const outcome = await decodeImage(bytes, { maxPixels: 1e6 }).catch((error: unknown) => (error as Error).message);
      if (typeof outcome === 'string') expect(outcome).toMatch(/^An image given as bytes (is|has) .*: .*\.$/);
    }),
    { numRuns: 300, seed: 21 },
  );
});
