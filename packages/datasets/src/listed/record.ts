import type { Split } from '../options.js';
import type { RawTexts } from '../texts.js';

/** What a list says of an image, before anything of it is checked. */
export interface RawRecord extends RawTexts {
  /** Paths that the image may have relative to the folder of images, as they are written: the same number in all records. */
  readonly files: readonly unknown[];
  /** Where it is written, such as `captions.jsonl:12`. */
  readonly where: string;
  readonly imageId?: unknown;
  readonly split?: Split | undefined;
}

/** What a reader of a layout has found. */
export interface RawList {
  /** Folders in which the images may lie: the first below which some do. */
  readonly folders: readonly string[];
  /** The split of all records; undefined where they say it themselves. The list is not read where another is asked for. */
  readonly split?: Split | undefined;
  /** Read from the start at each call. */
  records(): AsyncIterable<RawRecord>;
}
