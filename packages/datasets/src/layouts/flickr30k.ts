import { basename, dirname, join } from 'node:path';
import { readLines } from '../files/lines.js';
import type { RawList } from '../listed/record.js';
import type { Report } from '../options.js';
import { FLICKR_FOLDERS } from './karpathy.js';

/** How a file of tokens is read. */
export interface TokenOptions {
  readonly images?: string | undefined;
  readonly report: Report;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns the list that Flickr30k's `results_20130124.token` is, and Flickr8k's `Flickr8k.token.txt`: a line
 * `1000092795.jpg#0`, a tab and a caption for each caption. Images lie in `flickr30k-images`, or beside it.
 */
export function readTokens(path: string, { images, report, signal }: TokenOptions): RawList {
  const name = basename(path);
  return {
    folders: images ? [images] : FLICKR_FOLDERS.map((folder) => join(dirname(path), folder)),
    async *records() {
      for await (const { number, text } of readLines(path, signal)) {
        const where = `${name}:${number}`;
        const [, file, caption] = /^(.*?)#\d+\t(.*)$/.exec(text ?? '') ?? [];
        if (file !== undefined) yield { files: [file], captions: [caption], where };
        else if (text?.trim() !== '') report(where, 'the line is no image, number, tab and caption');
      }
    },
  };
}
