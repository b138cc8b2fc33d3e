import { basename, join } from 'node:path';
import { isJson } from '@blip2/tensor';
import { fieldOf, listOf } from '../files/json.js';
import type { RawList, RawRecord } from '../listed/record.js';
import { splitOf } from '../split.js';
import type { JsonListOptions } from './json-list.js';

/** Folders of Flickr's images. */
export const FLICKR_FOLDERS = ['', 'images', 'flickr30k-images', 'flickr30k_images', 'Images', 'Flicker8k_Dataset'];

/**
 * Returns the list that a file of Karpathy's splits is, such as `dataset_coco.json`: `images` with `filename`, `split`,
 * `sentences` and, for COCO, `filepath` and `cocoid`. `restval` is training data, as everyone uses it.
 */
export function readKarpathy(path: string, { root, images, load, report }: JsonListOptions): RawList {
  const name = basename(path);
  return {
    folders: images ? [images] : FLICKR_FOLDERS.map((folder) => join(root, folder)),
    async *records() {
      const list = listOf(await load(), 'images');
      if (!list) throw new Error(`${path} has no list 'images', which Karpathy's splits have; download it again.`);
      for (const [i, image] of list.entries()) {
        const where = `${name}: image ${i}`;
        const split = isJson(image) ? splitOf(fieldOf(image, 'split')) : undefined;
        if (!isJson(image)) report(where, 'the entry is no JSON object');
        else if (!split) report(where, 'it belongs to no split');
        else yield { ...record(image), split, where };
      }
    },
  };
}

function record(image: Readonly<Record<string, unknown>>): Omit<RawRecord, 'where'> {
  const file = fieldOf(image, 'filename');
  const folder = fieldOf(image, 'filepath');
  const both = typeof folder === 'string' && typeof file === 'string';
  return {
    files: [both ? join(folder, file) : file, file],
    captions: (listOf(image, 'sentences') ?? []).map((one) => (isJson(one) ? fieldOf(one, 'raw') : one)),
    imageId: fieldOf(image, 'cocoid'),
  };
}
