import { readFile } from 'node:fs/promises';
import { deflateSync } from 'node:zlib';
import { fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import sharp from 'sharp';
import { decodeImage } from '../decode.js';
import type { DecodeOptions } from '../image.js';
import { decodePng, isChangedByCanvas } from './png.js';

const side = fc.integer({ min: 1, max: 19 });
const types: readonly (readonly [type: number, depths: readonly number[], channels: number])[] = [
  [0, [1, 2, 4, 8, 16], 1],
  [2, [8, 16], 3],
  [3, [1, 2, 4, 8], 1],
  [4, [8, 16], 2],
  [6, [8, 16], 4],
];

const crcTable = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function chunk(name: string, content: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), content]);
  let crc = 0xffffffff;
  for (const byte of body) crc = crcTable[(crc ^ byte) & 255]! ^ (crc >>> 8);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(content.length, 0);
  ends.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

interface Made {
  readonly width: number;
  readonly height: number;
  readonly kind: number;
  readonly depth: number;
  readonly interlaced: boolean;
  readonly transparent: boolean;
  readonly seed: number;
}

/** A file of random bytes: every line has a filter of its own, whatever its pixels then are. */
function fileOf({ width, height, kind, depth: choice, interlaced, transparent, seed }: Made): Buffer {
  const [type, depths, channels] = types[kind]!;
  const depth = depths[choice % depths.length]!;
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  const steps = interlaced
    ? ['0088', '4088', '0448', '2044', '0224', '1022', '0112'].map((step) => [...step].map(Number))
    : [[0, 0, 1, 1]];
  const lines: number[] = [];
  for (const [x, y, right, down] of steps as [number, number, number, number][]) {
    const [columns, rows] = [Math.ceil((width - x) / right), Math.ceil((height - y) / down)];
    if (columns <= 0) continue;
    for (let row = 0; row < rows; row++) {
      lines.push(random() % 5);
      for (let i = 0; i < Math.ceil((columns * channels * depth) / 8); i++) lines.push(random());
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, type, 0, 0, interlaced ? 1 : 0], 8);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, random);
  const alpha = type === 3 ? bytes(2 ** depth) : type === 0 ? Uint8Array.of(0, 1) : Uint8Array.of(0, 1, 0, 2, 0, 3);
  const packed = deflateSync(Uint8Array.from(lines));
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    ...(type === 3 ? [chunk('PLTE', bytes(3 * 2 ** depth))] : []),
    ...(transparent && type < 4 ? [chunk('tRNS', alpha)] : []),
    chunk('IDAT', packed.subarray(0, 7)),
    chunk('IDAT', packed.subarray(7)),
    chunk('IEND', new Uint8Array()),
  ]);
}

const files = fc
  .record({
    width: side,
    height: side,
    kind: fc.nat(4),
    depth: fc.nat(4),
    interlaced: fc.boolean(),
    transparent: fc.boolean(),
    seed: fc.nat(),
  })
  .map(fileOf);

test('every kind of PNG gives the pixels that libvips gives', async () => {
  await fc.assert(
    fc.asyncProperty(files, async (file) => {
      expect(await decodePng(file, 'x', {})).toEqual(await decodeImage(file));
    }),
    { numRuns: 300, seed: 5 },
  );
});

test('transparent pixels are laid on a background', async () => {
  const over: DecodeOptions = { background: [10, 200, 30] };
  await fc.assert(
    fc.asyncProperty(files, async (file) => {
      const [mine, theirs] = [await decodePng(file, 'x', over), await decodeImage(file, over)];
      expect(mine).toEqual(theirs);
    }),
    { numRuns: 100, seed: 6 },
  );
});

test('an orientation is applied unless switched off', async () => {
  const pixels = Uint8Array.from([1, 2, 3, 9, 4, 5, 6, 9]);
  const made = sharp(pixels, { raw: { width: 2, height: 1, channels: 4 } });
  const file = await made.withMetadata({ orientation: 6 }).png().toBuffer();
  expect(await decodePng(file, 'x', {})).toEqual(await decodeImage(file));
  expect(await decodePng(file, 'x', { orient: false })).toMatchObject({ width: 2, height: 1 });
});

test('which files a canvas would change', async () => {
  const made = async (channels: 3 | 4) =>
    sharp(new Uint8Array(channels), { raw: { width: 1, height: 1, channels } })
      .png()
      .toBuffer();
  expect([isChangedByCanvas(await made(3)), isChangedByCanvas(await made(4))]).toEqual([false, true]);
  expect(isChangedByCanvas(await readFile(fixture('images/gray16.png')))).toBe(true);
  expect(isChangedByCanvas(Uint8Array.of(0x89, 0x50))).toBe(false);
  const palette = { width: 3, height: 3, kind: 2, depth: 3, interlaced: false, seed: 1 };
  expect([true, false].map((transparent) => isChangedByCanvas(fileOf({ ...palette, transparent })))).toEqual([
    true,
    false,
  ]);
});

test('what is damaged, truncated or too large is refused by name', async () => {
  const file = fileOf({ width: 9, height: 9, kind: 4, depth: 0, interlaced: false, transparent: false, seed: 3 });
  await expect(decodePng(file, '"x.png"', { maxPixels: 80 })).rejects.toThrow('"x.png" has 9 x 9 pixels');
  for (const end of [8, 30, 60, file.length - 20, file.length - 12]) {
    await expect(decodePng(file.subarray(0, end), '"x.png"', {})).rejects.toThrow('(it is truncated)');
  }
  for (let at = 8; at < file.length; at += 5) {
    const changed = Buffer.from(file);
    changed[at]! ^= 0x55;
    await expect(decodePng(changed, '"x.png"', {})).rejects.toThrow(/^"x\.png" (is|has) /);
  }
});
