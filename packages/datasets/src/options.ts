/** Part of a data set, as Hugging Face `datasets` names them. */
export type Split = 'train' | 'validation' | 'test';

/** A kind of data set that {@link openDataset} reads; the README describes each. */
export type Layout = 'folder' | 'coco' | 'karpathy' | 'vqa' | 'flickr30k' | 'webdataset';

/** Names of the columns, or keys of JSON lines, where they are none that is known. */
export interface Columns {
  /** Path of the image file. Known: `file_name`, `image`, `image_name`, `filename`, `file`, `image_path`, `path`. */
  readonly image?: string;
  /** A caption or a list of them. Known: `caption`, `captions`, `text`, `texts`, `sentences`, `comment`, `caption_1`, ... */
  readonly caption?: string;
  /** Known: `question`. A list of `{question, answers}` may be called `questions`. */
  readonly question?: string;
  /** An answer or a list of them. Known: `answers`, `answer`. */
  readonly answer?: string;
}

/** How shards are fetched by http. */
export interface HttpOptions {
  /** Milliseconds without an answer or without data, after which a connection is taken as broken. Default 30,000. */
  readonly timeout?: number;
  /** Largest size of a shard in bytes. Default 10 GB. */
  readonly maxBytes?: number;
  /** How often a broken connection or busy server is tried again without progress. Default 4. */
  readonly retries?: number;
  /** Milliseconds until the first retry; each further one waits twice as long. Default 500. */
  readonly retryDelay?: number;
  /** Headers of the requests, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Options of {@link openDataset}. */
export interface OpenOptions {
  /**
   * The part to read; everything by default. Items that belong to no split count as `train` where others belong to one.
   * @throws (by `openDataset`) where the data set has no such part
   */
  readonly split?: Split;
  /**
   * Share of the items that is `validation`, between 0 and 1, where the data set has no validation split of its own; they
   * are taken from `train`. An item belongs to it by a hash of its id, whatever other items there are.
   */
  readonly validation?: number;
  /** The layout, where it cannot be told from the files. */
  readonly layout?: Layout;
  /** Folder of the images, where it lies elsewhere than the layout has it. Ids are then relative to it. */
  readonly images?: string | URL;
  /** VQA: the file of annotations, where its name does not follow from that of the questions. */
  readonly annotations?: string | URL;
  /** Columns of tables (`.csv`, `.tsv`, `.jsonl`, `.json`) that have other names than the known ones. */
  readonly columns?: Columns;
  /** Largest size of an image file in bytes; larger ones are left out. Default 100 MB. */
  readonly maxImageBytes?: number;
  /** How shards are fetched by http. */
  readonly http?: HttpOptions;
  /** Aborts opening. */
  readonly signal?: AbortSignal;
}

/** Largest image file by default, in bytes. */
export const MAX_IMAGE_BYTES = 100_000_000;

/** Tells that something is left out, and why. */
export type Report = (id: string, reason: string) => void;
