import type { DecodedImage, DecodeOptions } from '../image/image.js';

/** What Node and a browser do differently. `#platform` resolves to one of the two files beside this one. */
export interface Platform {
  /** Decodes an image file's bytes. `name` stands in messages. */
  decode(bytes: Uint8Array, name: string, options: DecodeOptions): Promise<DecodedImage>;
  encodePng(image: DecodedImage): Promise<Uint8Array>;
  /** The bytes of a path (Node) or URL (browser); undefined where there is nothing. @throws for more than `most` bytes */
  readBytes(path: string, most?: number): Promise<Uint8Array | undefined>;
  /** A file inside a folder. */
  join(folder: string, file: string): string;
  readonly files: RecordFiles;
}

/** Files of records for the feature cache. */
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
  /** Fills `into` from a byte offset on. */
  read(into: Uint8Array, offset: number): Promise<void>;
  close(): Promise<void>;
}
