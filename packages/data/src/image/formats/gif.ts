import { checkPixels, type DecodeOptions } from '../image.js';
import { type Colors, fromPalette, type PaletteImage, truncated } from './palette.js';

const MAX_CODES = 4096;
const TERMINATOR = 0x3b;
const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const DESCRIPTOR = 0x2c;

/** Returns whether bytes begin as a GIF file does. */
export const isGif = (bytes: Uint8Array): boolean => /^GIF8[79]a$/.test(String.fromCharCode(...bytes.subarray(0, 6)));

/**
 * Decodes the first frame of a GIF file to RGB as Pillow does: transparent pixels keep the color of their palette entry,
 * and pixels outside the frame have the transparent index, or index 0 where there is none.
 * @throws Error where the file is truncated or malformed
 */
export function decodeGif(bytes: Uint8Array, name: string, options: DecodeOptions) {
  const { frame, transparent, palette } = readHeaders(bytes, name);
  const width = Math.max(frame.screenWidth, frame.left + frame.width);
  const height = Math.max(frame.screenHeight, frame.top + frame.height);
  checkPixels(name, width, height, options.maxPixels);
  const indices = new Uint8Array(width * height).fill(transparent ?? 0);
  const pixels = decompress(bytes, frame, name);
  for (const [line, y] of rowOrder(frame.height, frame.interlaced).entries()) {
    const row = pixels.subarray(line * frame.width, (line + 1) * frame.width);
    indices.set(row, (frame.top + y) * width + frame.left);
  }
  const image: PaletteImage = { width, height, indices, palette, ...(transparent !== undefined && { transparent }) };
  return fromPalette(image, options.background);
}

interface Frame {
  readonly screenWidth: number;
  readonly screenHeight: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
  /** Where the minimum code size stands, before the compressed data. */
  readonly start: number;
}

function readHeaders(bytes: Uint8Array, name: string): { frame: Frame; transparent?: number; palette: Colors } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const byte = (at: number): number => {
    if (at >= bytes.length) throw truncated(name);
    return bytes[at]!;
  };
  const short = (at: number): number => byte(at) | (byte(at + 1) << 8);
  const table = (flags: number, at: number): Colors | undefined =>
    flags & 0x80 ? { bytes: bytes.subarray(at, at + sizeOf(flags)), order: 'rgb' } : undefined;
  const screen = byte(10);
  let at = 13 + sizeOf(screen);
  let transparent: number | undefined;
  for (;;) {
    const tag = byte(at++);
    if (tag === TERMINATOR) throw new Error(`${name} is a GIF file without an image: save it again.`);
    if (tag === EXTENSION) {
      const label = byte(at++);
      if (label === GRAPHIC_CONTROL && byte(at) >= 4) transparent = byte(at + 1) & 1 ? byte(at + 4) : undefined;
      while (byte(at) !== 0) at += byte(at) + 1;
      at++;
    }
    if (tag === DESCRIPTOR) break;
  }
  const flags = byte(at + 8);
  const frame = {
    screenWidth: view.getUint16(6, true),
    screenHeight: view.getUint16(8, true),
    left: short(at),
    top: short(at + 2),
    width: short(at + 4),
    height: short(at + 6),
    interlaced: (flags & 0x40) !== 0,
    start: at + 9 + sizeOf(flags),
  };
  if (frame.width === 0 || frame.height === 0) {
    throw new Error(`${name} is a GIF file whose first frame has no pixels: save it again.`);
  }
  const palette = table(flags, at + 9) ?? table(screen, 13) ?? 'gray';
  return { frame, palette, ...(transparent !== undefined && { transparent }) };
}

/** Returns the bytes of a color table. */
function sizeOf(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}

/** Returns the row of the image that each stored row belongs to. */
function rowOrder(height: number, interlaced: boolean): number[] {
  const passes = interlaced ? [0, 4, 2, 1].map((start, i) => [start, [8, 8, 4, 2][i]!] as const) : [[0, 1] as const];
  return passes.flatMap(([start, step]) => {
    const rows: number[] = [];
    for (let y = start; y < height; y += step) rows.push(y);
    return rows;
  });
}

/** Decompresses LZW with codes of variable length, least significant bit first, in blocks of up to 255 bytes. */
function decompress(bytes: Uint8Array, { start, width, height }: Frame, name: string): Uint8Array {
  const minBits = bytes[start];
  if (minBits === undefined) throw truncated(name);
  if (minBits < 1 || minBits > 11)
    throw new Error(`${name} is a malformed GIF file (code size ${minBits}): save it again.`);
  const pixels = new Uint8Array(width * height);
  const clear = 1 << minBits;
  const prefix = new Uint16Array(MAX_CODES);
  const suffix = new Uint8Array(MAX_CODES);
  const first = new Uint8Array(MAX_CODES);
  const lengths = new Uint16Array(MAX_CODES).fill(1, 0, clear);
  for (let code = 0; code < clear; code++) suffix[code] = first[code] = code;
  let [next, bits, previous] = [clear + 2, minBits + 1, -1];
  let [at, blockEnd, buffer, available] = [start + 1, start + 1, 0, 0];
  for (let out = 0; out < pixels.length; ) {
    while (available < bits) {
      if (at === blockEnd) {
        const size = bytes[at++];
        if (size === undefined || size === 0) throw truncated(name);
        blockEnd = at + size;
      }
      if (at >= bytes.length) throw truncated(name);
      buffer |= bytes[at++]! << available;
      available += 8;
    }
    const code = buffer & ((1 << bits) - 1);
    buffer >>>= bits;
    available -= bits;
    if (code === clear) {
      [next, bits, previous] = [clear + 2, minBits + 1, -1];
      continue;
    }
    if (code === clear + 1) throw truncated(name);
    if (code > next || (code === next && previous < 0) || (previous < 0 && code >= clear)) {
      throw new Error(`${name} is a malformed GIF file (code ${code}): save it again.`);
    }
    if (previous >= 0 && next < MAX_CODES) {
      prefix[next] = previous;
      first[next] = first[previous]!;
      suffix[next] = first[code === next ? previous : code]!;
      lengths[next] = lengths[previous]! + 1;
      next++;
      if (next === 1 << bits && bits < 12) bits++;
    }
    const end = out + lengths[code]!;
    for (let i = end - 1, link = code; i >= out; i--, link = prefix[link]!) {
      if (i < pixels.length) pixels[i] = suffix[link]!;
    }
    out = end;
    previous = code;
  }
  return pixels;
}
