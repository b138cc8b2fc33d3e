import type { Split } from '../options.js';
import type { RawTexts } from '../texts.js';

/** What a list says of an image, before anything of it is checked. */
export interface RawRecord extends RawTexts {
  /** Path of the image relative to the list's folder of images, as it is written. */
  readonly file: unknown;
  /** Where it is written, such as `captions.jsonl:12`. */
  readonly where: string;
  readonly imageId?: unknown;
  readonly split?: Split | undefined;
}

/** What a reader of a layout has found. */
export interface RawList {
  /** Folders in which the images may lie: the first below which some do. */
  readonly folders: readonly string[];
  readonly records: AsyncIterable<RawRecord> | Iterable<RawRecord>;
}
