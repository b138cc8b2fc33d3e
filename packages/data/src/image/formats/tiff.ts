/** Tags of a TIFF file that say how its pixels are to be read; EXIF metadata is such a file, without pixels. */
export interface TiffTags {
  /** 2 for RGB, 6 for YCbCr. */
  readonly photometric: number | undefined;
  /** 1 for none, 7 for JPEG. */
  readonly compression: number;
  /** Horizontal and vertical subsampling of chroma; only YCbCr has it. */
  readonly subsampling: readonly [number, number];
  /** 1 for interleaved samples, 2 for separate planes. */
  readonly planar: number;
  /** EXIF orientation, from 1 to 8. */
  readonly orientation: number | undefined;
}

const COMPRESSION = 259;
const PHOTOMETRIC = 262;
const ORIENTATION = 274;
const PLANAR = 284;
const SUBSAMPLING = 530;
const SHORT = 3;
const MOST_TAGS = 4096;

/** Reads the tags of the first image of a TIFF or BigTIFF file; absent and unreadable ones have their defaults. */
export function tiffTags(bytes: Uint8Array): TiffTags {
  const values = new Map<number, readonly [number, number]>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const little = bytes[0] === 0x49;
  const short = (at: number): number => (at + 2 <= bytes.length ? view.getUint16(at, little) : 0);
  const long = (at: number): number => (at + 4 <= bytes.length ? view.getUint32(at, little) : 0);
  const quad = (at: number): number => (little ? long(at) + 2 ** 32 * long(at + 4) : 2 ** 32 * long(at) + long(at + 4));
  const big = short(2) === 43;
  const directory = big ? quad(8) : long(4);
  const count = Math.min(MOST_TAGS, big ? quad(directory) : short(directory));
  const [first, size, field] = big ? [8, 20, 12] : [2, 12, 8];
  for (let i = 0; i < count; i++) {
    const at = directory + first + size * i;
    const value = short(at + 2) === SHORT ? [short(at + field), short(at + field + 2)] : [long(at + field), 0];
    values.set(short(at), value as [number, number]);
  }
  return {
    photometric: values.get(PHOTOMETRIC)?.[0],
    compression: values.get(COMPRESSION)?.[0] ?? 1,
    subsampling: values.get(SUBSAMPLING) ?? [2, 2],
    planar: values.get(PLANAR)?.[0] ?? 1,
    orientation: values.get(ORIENTATION)?.[0],
  };
}
