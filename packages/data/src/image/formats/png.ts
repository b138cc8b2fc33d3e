import { checkPixels, type DecodedImage, type DecodeOptions } from '../image.js';
import { composite } from './color.js';
import { orient, xmpOrientation } from './orientation.js';
import { truncated } from './palette.js';
import { tiffTags } from './tiff.js';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const [GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA] = [0, 2, 3, 4, 6];
/** Samples of a pixel by color type. */
const CHANNELS: Readonly<Record<number, number>> = { [GRAY]: 1, [RGB]: 3, [PALETTE]: 1, [GRAY_ALPHA]: 2, [RGBA]: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  [GRAY]: [1, 2, 4, 8, 16],
  [RGB]: [8, 16],
  [PALETTE]: [1, 2, 4, 8],
  [GRAY_ALPHA]: [8, 16],
  [RGBA]: [8, 16],
};

/** First column and row of each pass of Adam7, and the steps to the next ones. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly type: number;
  readonly interlaced: boolean;
}

interface Chunks {
  readonly header: Header;
  readonly palette: Uint8Array;
  /** Alpha of palette colors, or the color that is transparent. */
  readonly transparency: Uint8Array | undefined;
  readonly data: readonly Uint8Array<ArrayBuffer>[];
  /** EXIF orientation from 1 to 8, where one is stated. */
  readonly orientation: number | undefined;
}

/** Returns whether bytes begin as a PNG file does. */
export const isPng = (bytes: Uint8Array): boolean => SIGNATURE.every((byte, i) => bytes[i] === byte);

/**
 * Returns whether a canvas changes the colors of a PNG file: where it has transparent pixels, whose colors a canvas keeps only
 * approximately, or 16 bits for each sample.
 */
export function isChangedByCanvas(bytes: Uint8Array): boolean {
  if (!isPng(bytes) || bytes.length < 26) return false;
  const [depth, type] = [bytes[24], bytes[25]];
  if (depth === 16 || type === GRAY_ALPHA || type === RGBA) return true;
  for (const { name } of chunksOf(bytes)) if (name === 'tRNS') return true;
  return false;
}

/**
 * Decodes a PNG file to RGB as Pillow does, alpha dropped or laid on a background; of 16 bits the high byte is kept. For platforms with
 * `DecompressionStream`. Of animations this is the default image.
 * @throws Error where the file is damaged or truncated, or has too many pixels
 */
export async function decodePng(bytes: Uint8Array, name: string, options: DecodeOptions): Promise<DecodedImage> {
  const chunks = readChunks(bytes, name);
  const { width, height, interlaced } = chunks.header;
  checkPixels(name, width, height, options.maxPixels);
  const rgba = new Uint8Array(4 * width * height);
  const passes = interlaced ? ADAM7 : ([[0, 0, 1, 1]] as const);
  const sizes = passes.map(([x, y, right, down]) => [Math.ceil((width - x) / right), Math.ceil((height - y) / down)]);
  const lines = sizes.map(([columns = 0, rows = 0]) => (columns > 0 ? rows : 0));
  const lengths = sizes.map(([columns = 0]) => 1 + Math.ceil((columns * bitsOf(chunks.header)) / 8));
  const total = lines.reduce((sum, rows, i) => sum + rows * lengths[i]!, 0);
  const packed = await inflate(chunks.data, total, name);
  let at = 0;
  for (const [i, [x, y, right, down]] of passes.entries()) {
    const [length, columns] = [lengths[i]!, sizes[i]![0]!];
    const rows = packed.subarray(at, at + lines[i]! * length);
    unfilter(rows, length, { pixel: Math.max(1, bitsOf(chunks.header) / 8), name });
    for (let row = 0; row < lines[i]!; row++) {
      const line = rows.subarray(row * length + 1, (row + 1) * length);
      const place = { first: (y + row * down) * width + x, step: right, columns };
      fillLine(rgba, line, { ...place, chunks });
    }
    at += lines[i]! * length;
  }
  const data = options.background ? composite(rgba, options.background) : withoutAlpha(rgba);
  return orient({ width, height, data }, (options.orient ?? true) ? (chunks.orientation ?? 1) : 1);
}

const bitsOf = ({ depth, type }: Header): number => depth * CHANNELS[type]!;

const withoutAlpha = (rgba: Uint8Array): Uint8Array => {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from]!;
    rgb[to + 1] = rgba[from + 1]!;
    rgb[to + 2] = rgba[from + 2]!;
  }
  return rgb;
};

interface Chunk {
  readonly name: string;
  /** Where its content begins. */
  readonly start: number;
  readonly length: number;
}

/** The chunks of a file, until it ends or says that it does. */
function* chunksOf(bytes: Uint8Array): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    yield { name, start: at + 8, length };
    if (name === 'IEND') return;
    at += 12 + length;
  }
}

function readChunks(bytes: Uint8Array, name: string): Chunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const damaged = (what: string): Error =>
    new Error(`${name} is a PNG file that is damaged (${what}): copy or download it again.`);
  let header: Header | undefined;
  let palette = new Uint8Array(0);
  let transparency: Uint8Array | undefined;
  let [exif, xmp]: (number | undefined)[] = [];
  const data: Uint8Array<ArrayBuffer>[] = [];
  let ended = false;
  for (const chunk of chunksOf(bytes)) {
    const { start, length } = chunk;
    if (start + length + 4 > bytes.length) throw truncated(name);
    const content = bytes.slice(start, start + length);
    const critical = chunk.name < 'a';
    if (critical && view.getUint32(start + length) !== crc32(bytes.subarray(start - 4, start + length))) {
      throw damaged(`the checksum of ${chunk.name} differs`);
    }
    if (!header && chunk.name !== 'IHDR') throw damaged('it does not begin with IHDR');
    if (chunk.name === 'IHDR') header = headerOf(content, damaged);
    else if (chunk.name === 'PLTE') palette = content;
    else if (chunk.name === 'tRNS') transparency = content;
    else if (chunk.name === 'IDAT') data.push(content);
    else if (chunk.name === 'eXIf') exif = tiffTags(content).orientation;
    else if (chunk.name === 'iTXt') xmp ??= xmpOrientation(new TextDecoder().decode(content));
    else if (chunk.name === 'IEND') ended = true;
  }
  if (!header || !ended || data.length === 0) throw truncated(name);
  if (header.type === PALETTE && palette.length < 3) throw damaged('it has no palette');
  return { header, palette, transparency, data, orientation: exif ?? xmp };
}

function headerOf(content: Uint8Array, damaged: (what: string) => Error): Header {
  if (content.length !== 13) throw damaged('IHDR has another length');
  const view = new DataView(content.buffer, content.byteOffset);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth = 0, type = 0, compression, filter, interlace = 0] = content.subarray(8);
  const known = DEPTHS[type]?.includes(depth) && compression === 0 && filter === 0 && interlace <= 1;
  if (!known || width === 0 || height === 0) throw damaged('IHDR has values that are not defined');
  return { width, height, depth, type, interlaced: interlace === 1 };
}

/** Unpacks as many bytes as the pixels take; what follows is left. */
async function inflate(data: readonly Uint8Array<ArrayBuffer>[], length: number, name: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const reader = new Blob([...data]).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  let at = 0;
  try {
    while (at < length) {
      const { done, value } = await reader.read();
      if (done) break;
      const part = value.subarray(0, length - at);
      bytes.set(part, at);
      at += part.length;
    }
  } catch (cause) {
    throw new Error(`${name} is a PNG file that is damaged (its data cannot be unpacked): copy or download it again.`, {
      cause,
    });
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (at < length) throw truncated(name);
  return bytes;
}

/** Undoes the filters of lines, each with its filter's number before it, in place (PNG specification, chapter 9). */
function unfilter(lines: Uint8Array, length: number, { pixel, name }: { pixel: number; name: string }): void {
  for (let start = 0; start < lines.length; start += length) {
    const filter = lines[start]!;
    if (filter > 4) throw new Error(`${name} is a PNG file with an unknown filter: copy or download it again.`);
    for (let i = 1; filter > 0 && i < length; i++) {
      const at = start + i;
      const left = i > pixel ? lines[at - pixel]! : 0;
      const up = start > 0 ? lines[at - length]! : 0;
      if (filter === 1) lines[at]! += left;
      else if (filter === 2) lines[at]! += up;
      else if (filter === 3) lines[at]! += (left + up) >> 1;
      else {
        const corner = i > pixel && start > 0 ? lines[at - pixel - length]! : 0;
        const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
        lines[at]! += a <= b && a <= c ? left : b <= c ? up : corner; // Paeth
      }
    }
  }
}

interface Line {
  /** The pixel at which it begins. */
  readonly first: number;
  readonly step: number;
  readonly columns: number;
  readonly chunks: Chunks;
}

/** Converts the samples of a line to pixels. */
function fillLine(rgba: Uint8Array, line: Uint8Array, { first, step, columns, chunks }: Line): void {
  const { header, palette, transparency } = chunks;
  const { depth, type } = header;
  const channels = CHANNELS[type]!;
  const scale = depth < 8 && type !== PALETTE ? 255 / (2 ** depth - 1) : 1;
  const sample = (index: number): number => {
    if (depth === 8) return line[index]!;
    if (depth === 16) return line[2 * index]!;
    const bit = index * depth;
    return ((line[bit >> 3]! >> (8 - depth - (bit & 7))) & (2 ** depth - 1)) * scale;
  };
  /** The color that is transparent, compared in all bits. */
  const clear = (index: number): boolean => {
    if (!transparency || type === PALETTE || type === GRAY_ALPHA || type === RGBA) return false;
    for (let c = 0; c < channels; c++) {
      const stated = (transparency[2 * c]! << 8) | transparency[2 * c + 1]!;
      const at = index + c;
      const found = depth === 16 ? (line[2 * at]! << 8) | line[2 * at + 1]! : sample(at) / scale;
      if (found !== stated) return false;
    }
    return true;
  };
  for (let x = 0; x < columns; x++) {
    const to = 4 * (first + x * step);
    const from = x * channels;
    if (type === PALETTE) {
      const color = sample(from);
      for (let c = 0; c < 3; c++) rgba[to + c] = palette[3 * color + c] ?? 0;
      rgba[to + 3] = transparency?.[color] ?? 255;
      continue;
    }
    const gray = channels < 3;
    for (let c = 0; c < 3; c++) rgba[to + c] = sample(gray ? from : from + c);
    rgba[to + 3] = channels % 2 === 0 ? sample(from + channels - 1) : clear(from) ? 0 : 255;
  }
}

const CRCS = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRCS[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
