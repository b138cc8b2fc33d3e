import type { DecodedImage, DecodeOptions } from '../image/image.js';

/** Operations that differ between Node and browsers; `#platform` resolves to `node.ts` or `browser.ts`. */
export interface Platform {
  /** Decodes the bytes of an image file; `name` is used in messages. */
  decode(bytes: Uint8Array, name: string, options: DecodeOptions): Promise<DecodedImage>;
  /** Encodes an image as PNG. */
  encodePng(image: DecodedImage): Promise<Uint8Array>;
  /** Converts a path or URL to what the other functions take: a path in Node, an address in a browser. */
  locate(source: string | URL): string;
  /** Reads a file, or undefined where there is none. @throws Error for more than `maxBytes` bytes */
  readBytes(path: string, maxBytes?: number): Promise<Uint8Array | undefined>;
  /** Returns the path of a file in a folder. */
  join(folder: string, file: string): string;
  readonly files: RecordFiles;
}

/** File operations of the feature cache. */
export interface RecordFiles {
  create(path: string): Promise<RecordWriter>;
  open(path: string): Promise<RecordReader>;
  rename(from: string, to: string): Promise<void>;
  write(path: string, bytes: Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
}

export interface RecordWriter {
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface RecordReader {
  readonly size: number;
  /** Fills `into` from a byte offset. */
  read(into: Uint8Array, offset: number): Promise<void>;
  close(): Promise<void>;
}
