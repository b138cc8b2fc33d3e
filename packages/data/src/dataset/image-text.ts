/** A question about an image with the answers that people gave; no answers where they are not published. */
export interface ImageQuestion {
  /** By which leaderboards know the question, such as VQAv2's `question_id`. */
  readonly id?: string | number;
  readonly question: string;
  readonly answers: readonly string[];
}

/** An image of a data set with its texts; its file is read only when asked for. */
export interface ImageTextItem {
  /** Unique in the data set: the path relative to its root, or the key in its shard. */
  readonly id: string;
  /** Texts that describe the image; none where the data set has only questions. */
  readonly captions: readonly string[];
  /** Questions about the image; none where the data set has only captions. */
  readonly questions: readonly ImageQuestion[];
  /** By which leaderboards know the image, such as COCO's number; absent where it has no such name. */
  readonly imageId?: string | number;
  /**
   * Reads the encoded file (JPEG, PNG, WebP, ...).
   * @throws If it cannot be read, or `signal` is aborted.
   */
  read(signal?: AbortSignal): Promise<Uint8Array>;
}

/** Why something of a data set was left out. */
export interface SkippedItem {
  /** The item, its file, or the line of a file (`captions.jsonl:12`). */
  readonly id: string;
  /** One sentence. */
  readonly reason: string;
}

/** How the items of an `ImageTextDataset` are gone through. */
export interface ItemsOptions {
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with all that is left out, once for each; an iteration never throws for a single item. */
  readonly onSkip?: (skipped: SkippedItem) => void;
  /** Shuffles by a buffer of that many items; the order is a function of the seed and the content. Without: the data set's order. */
  readonly shuffle?: { readonly seed: number; readonly buffer: number };
  /** Gives each of `size` processes a part without overlap; parts may differ in length. Without: everything. */
  readonly shard?: { readonly rank: number; readonly size: number };
}

/** A streaming data set of images with texts. */
export interface ImageTextDataset {
  /** What messages call it, such as the folder's name. */
  readonly name: string;
  /** Identifies the content by paths, sizes and times or ETags, for caches and resuming. */
  readonly fingerprint: string;
  /** Number of items, where it is known without reading everything; items that are skipped may be counted. */
  readonly length?: number;
  /**
   * Goes through the items, from the start at each call.
   * @throws If the data set is wrong as a whole; what is wrong with an item goes to `onSkip`.
   */
  items(options?: ItemsOptions): AsyncIterable<ImageTextItem>;
}
