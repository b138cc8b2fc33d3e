import type { Report } from '../options.js';

/** What readers of JSON files are given. */
export interface JsonListOptions {
  /** Folder of the data set. */
  readonly root: string;
  /** Folder of the images, where it was given. */
  readonly images?: string | undefined;
  /** Reads the file. */
  readonly load: () => Promise<unknown>;
  readonly report: Report;
}
