import { basename, join } from 'node:path';
import { isJson } from '@blip2/tensor';
import { fieldOf, listOf } from '../files/json.js';
import type { RawList, RawRecord } from '../listed/record.js';
import { splitOfName } from '../split.js';
import type { JsonListOptions } from './json-list.js';

/**
 * Returns the list that a file of COCO captions is, such as `captions_val2017.json`: `images` with `id` and `file_name`,
 * `annotations` with `image_id` and `caption`. Images lie in `val2017`, `images/val2017`, `images` or the root.
 */
export function readCoco(path: string, { root, images, load, report }: JsonListOptions): RawList {
  const name = basename(path);
  const part = /(?:train|val|test)\d{4}/.exec(name)?.[0] ?? '';
  return {
    folders: images ? [images] : [root, join(root, 'images')],
    split: splitOfName(name),
    async *records() {
      const json = await load();
      const list = listOf(json, 'images');
      const annotations = listOf(json, 'annotations');
      if (!list || !annotations) {
        throw new Error(
          `${path} has no lists 'images' and 'annotations', which COCO's captions have; download it again.`,
        );
      }
      const captions = new Map<unknown, unknown[]>();
      const ids = new Set(list.map((image) => isJson(image) && fieldOf(image, 'id')));
      for (const [i, one] of annotations.entries()) {
        const id = isJson(one) ? fieldOf(one, 'image_id') : undefined;
        const known = captions.get(id);
        if (!isJson(one) || !ids.has(id)) report(`${name}: annotation ${i}`, 'it belongs to no image of the list');
        else if (known) known.push(fieldOf(one, 'caption'));
        else captions.set(id, [fieldOf(one, 'caption')]);
      }
      for (const [i, image] of list.entries()) {
        const where = `${name}: image ${i}`;
        if (isJson(image)) yield record(image, where);
        else report(where, 'the entry is no JSON object');
      }

      function record(image: Readonly<Record<string, unknown>>, where: string): RawRecord {
        const imageId = fieldOf(image, 'id');
        const file = fieldOf(image, 'file_name');
        const files = typeof file === 'string' && part ? [join(part, file), file] : [file, file];
        return { files, captions: captions.get(imageId) ?? [], imageId, where };
      }
    },
  };
}
