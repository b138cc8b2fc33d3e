import type { DecodedImage } from '../image/image.js';

/**
 * Reads the pixels of a PNG as they are stored, by the browser's `ImageDecoder`: a canvas, which multiplies colors by alpha, keeps those
 * of partly transparent pixels only approximately.
 * @returns undefined where the browser has no such decoder, for more than 8 bits a channel, and for an image that is to be turned
 */
export async function pngPixels(bytes: Uint8Array): Promise<DecodedImage | undefined> {
  if (!('ImageDecoder' in globalThis) || !isPlainPng(bytes)) return undefined;
  const decoder = new ImageDecoder({
    data: new Uint8Array(bytes),
    type: 'image/png',
    colorSpaceConversion: 'none',
  });
  try {
    const { image } = await decoder.decode();
    try {
      return await rgbOf(image);
    } finally {
      image.close();
    }
  } finally {
    decoder.close();
  }
}

/** The color channels of a frame; undefined where they lie otherwise than in four bytes a pixel. */
async function rgbOf(frame: VideoFrame): Promise<DecodedImage | undefined> {
  const { format, codedWidth: width, codedHeight: height } = frame;
  if (format === null || !/^(RGB|BGR)[AX]$/.test(format)) return undefined;
  const pixels = new Uint8Array(frame.allocationSize());
  const [{ offset, stride }] = (await frame.copyTo(pixels)) as [PlaneLayout];
  const order = format.startsWith('RGB') ? [0, 1, 2] : [2, 1, 0];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = offset + y * stride + 4 * x;
      const to = 3 * (y * width + x);
      for (let c = 0; c < 3; c++) data[to + c] = pixels[from + order[c]!]!;
    }
  }
  return { width, height, data };
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** The depth of a channel in the header, which is the first chunk. */
const DEPTH = 24;

/** Whether bytes are a PNG of at most 8 bits a channel without an orientation. */
export function isPlainPng(bytes: Uint8Array): boolean {
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte) || (bytes[DEPTH] ?? 16) > 8) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === 'eXIf') return false;
    if (name === 'IEND') break;
  }
  return true;
}
