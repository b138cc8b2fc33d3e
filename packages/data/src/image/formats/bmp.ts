import { checkPixels, type DecodedImage, type DecodeOptions } from '../image.js';
import { fromPalette, truncated } from './palette.js';

const RLE8 = 1;
const RLE4 = 2;
const BITFIELDS = 3;
const ALPHA_BITFIELDS = 6;

/** Returns whether bytes begin as a BMP file does. */
export const isBmp = (bytes: Uint8Array): boolean => bytes[0] === 0x42 && bytes[1] === 0x4d && bytes.length > 18;

/**
 * Decodes a BMP file to RGB as Pillow does: palettes of 1, 4 and 8 bits, also run-length encoded, and 16, 24 and 32 bits
 * for each pixel.
 * @throws Error where the file is truncated, or compressed otherwise
 */
export function decodeBmp(bytes: Uint8Array, name: string, options: DecodeOptions): DecodedImage {
  const header = readHeader(bytes, name);
  const { width, height, bits, compression } = header;
  checkPixels(name, width, height, options.maxPixels);
  if (bits <= 8) {
    const packed = compression === RLE8 || compression === RLE4;
    const indices = packed ? expandRuns(bytes, header, name) : unpackIndices(bytes, header, name);
    return fromPalette({ width, height, indices, palette: { bytes: header.palette, order: header.order } }, undefined);
  }
  return readColors(bytes, header, { name, background: options.background });
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Where the pixels start. */
  readonly start: number;
  readonly palette: Uint8Array;
  readonly order: 'bgr' | 'bgrx';
  /** Bits of red, green, blue and alpha within a pixel. */
  readonly masks: readonly number[];
}

function readHeader(bytes: Uint8Array, name: string): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = view.getUint32(14, true);
  if (bytes.length < 14 + size) throw truncated(name);
  const unsupported = (what: string): Error =>
    new Error(`${name} is a BMP file with ${what}, which is not supported: save it as PNG.`);
  if (size !== 12 && size < 40) throw unsupported(`a header of ${size} bytes`);
  const old = size === 12;
  const width = old ? view.getUint16(18, true) : Math.abs(view.getInt32(18, true));
  const signed = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(old ? 24 : 28, true);
  const compression = old ? 0 : view.getUint32(30, true);
  const allowed: Readonly<Record<number, readonly number[]>> = {
    0: [1, 4, 8, 16, 24, 32],
    [RLE8]: [8],
    [RLE4]: [4],
    [BITFIELDS]: [16, 24, 32],
    [ALPHA_BITFIELDS]: [16, 32],
  };
  if (!allowed[compression]?.includes(bits)) throw unsupported(`${bits} bits and compression ${compression}`);
  if (width === 0 || signed === 0) throw new Error(`${name} is a BMP file without pixels: save it again.`);
  const masksInHeader = size >= 52 || compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  const count = size >= 56 || compression === ALPHA_BITFIELDS ? 4 : 3;
  const useMasks = compression === BITFIELDS || compression === ALPHA_BITFIELDS;
  if (masksInHeader && bytes.length < 54 + 4 * count) throw truncated(name);
  const masks = useMasks
    ? Array.from({ length: count }, (_, i) => view.getUint32(54 + 4 * i, true))
    : bits === 16
      ? [0x7c00, 0x3e0, 0x1f]
      : [0xff0000, 0xff00, 0xff];
  const paletteStart = 14 + size + (useMasks && size === 40 ? 4 * count : 0);
  const colors = old ? 0 : view.getUint32(46, true);
  const stride = old ? 3 : 4;
  const paletteSize = bits <= 8 ? stride * Math.min(256, colors || 2 ** bits) : 0;
  return {
    width,
    height: Math.abs(signed),
    topDown: signed < 0,
    bits,
    compression,
    start: view.getUint32(10, true),
    palette: bytes.subarray(paletteStart, paletteStart + paletteSize),
    order: old ? 'bgr' : 'bgrx',
    masks,
  };
}

/** Returns the offset of each row from the top, and checks that all are there. */
function rowStarts(bytes: Uint8Array, { width, height, bits, start, topDown }: Header, name: string): number[] {
  const stride = 4 * Math.ceil((width * bits) / 32);
  if (start + stride * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length) throw truncated(name);
  return Array.from({ length: height }, (_, y) => start + stride * (topDown ? y : height - 1 - y));
}

function unpackIndices(bytes: Uint8Array, header: Header, name: string): Uint8Array {
  const { width, height, bits } = header;
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const indices = new Uint8Array(width * height);
  for (const [y, at] of rowStarts(bytes, header, name).entries()) {
    for (let x = 0; x < width; x++) {
      const shift = bits * (perByte - 1 - (x % perByte));
      indices[y * width + x] = (bytes[at + Math.floor(x / perByte)]! >> shift) & mask;
    }
  }
  return indices;
}

/** Expands run-length encoding; pixels that are skipped have index 0. */
function expandRuns(bytes: Uint8Array, header: Header, name: string): Uint8Array {
  const { width, height, topDown, compression } = header;
  const indices = new Uint8Array(width * height);
  const half = compression === RLE4;
  let [x, y, at] = [0, 0, header.start];
  const put = (index: number): void => {
    if (x < width) indices[(topDown ? y : height - 1 - y) * width + x] = index;
    x++;
  };
  const nibble = (byte: number, i: number): number => (half ? (i % 2 === 0 ? byte >> 4 : byte & 15) : byte);
  while (y < height) {
    const [count, value] = [bytes[at], bytes[at + 1]];
    if (count === undefined || value === undefined) throw truncated(name);
    at += 2;
    if (count > 0) for (let i = 0; i < count; i++) put(nibble(value, i));
    else if (value === 0) [x, y] = [0, y + 1];
    else if (value === 1) break;
    else if (value === 2) {
      if (at + 2 > bytes.length) throw truncated(name);
      [x, y, at] = [x + bytes[at]!, y + bytes[at + 1]!, at + 2];
    } else {
      const length = half ? Math.ceil(value / 2) : value;
      if (at + length > bytes.length) throw truncated(name);
      for (let i = 0; i < value; i++) put(nibble(bytes[at + (half ? i >> 1 : i)]!, i));
      at += length + (length % 2);
    }
  }
  return indices;
}

interface ColorOptions {
  readonly name: string;
  readonly background: DecodeOptions['background'];
}

/** Reads pixels of 16, 24 and 32 bits. */
function readColors(bytes: Uint8Array, header: Header, { name, background }: ColorOptions): DecodedImage {
  const { width, height, bits } = header;
  const size = bits / 8;
  const channels = header.masks.map((mask): Channel => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { mask, shift, max: mask >>> shift };
  });
  const alpha = background && channels[3]?.mask ? channels[3] : undefined;
  const data = new Uint8Array(width * height * 3);
  const [red, green, blue] = channels.map(({ shift, max }) => (max === 255 && shift % 8 === 0 ? shift / 8 : -1));
  const whole = !alpha && red! >= 0 && green! >= 0 && blue! >= 0;
  for (const [y, start] of rowStarts(bytes, header, name).entries()) {
    for (let x = 0, at = start, out = y * width * 3; x < width; x++, at += size, out += 3) {
      if (whole) {
        data[out] = bytes[at + red!]!;
        data[out + 1] = bytes[at + green!]!;
        data[out + 2] = bytes[at + blue!]!;
        continue;
      }
      let pixel = 0;
      for (let i = size - 1; i >= 0; i--) pixel = ((pixel << 8) | bytes[at + i]!) >>> 0;
      const opacity = alpha ? level(pixel, alpha) / 255 : 1;
      for (let c = 0; c < 3; c++) {
        const value = level(pixel, channels[c]!);
        data[out + c] = background ? Math.round(value * opacity + background[c]! * (1 - opacity)) : value;
      }
    }
  }
  return { width, height, data };
}

interface Channel {
  readonly mask: number;
  readonly shift: number;
  readonly max: number;
}

/** Returns a channel's value from 0 to 255. */
function level(pixel: number, { mask, shift, max }: Channel): number {
  return max === 0 ? 0 : Math.floor((((pixel & mask) >>> shift) * 255) / max);
}
