import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Blip2, fromPretrained } from '@blip2/models';
import { fixture, inFolder } from '@blip2/testing';
import { useBackend } from '@blip2/training';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openIndex } from './index-file.js';
import { indexImages } from './index-images.js';
import { searchIndex } from './search.js';

let model: Blip2;

beforeAll(async () => {
  await useBackend({ backend: 'simd', threads: 2 });
  model = await fromPretrained(fixture('hf-itm'));
});
afterAll(() => model.dispose());

const queries = ['x', 'a cat', 'a rocket on the launch pad at night'];

test('equal images have equal scores wherever they are, and are ordered by name', async () => {
  await inFolder(async (folder) => {
    const names = Array.from({ length: 21 }, (_, i) => `${String((i * 8) % 21).padStart(2, '0')}.png`);
    const images = names.map((name) => join(folder, name));
    for (const image of images) await copyFile(fixture('photos/chelsea.png'), image);
    const other = join(folder, '05-other.jpg');
    await copyFile(fixture('photos/rocket.jpg'), other);
    images.splice(4, 0, other);
    for (const features of [true, false]) {
      const out = join(folder, `index-${features}`);
      await indexImages(model, images, { out, features });
      const index = await openIndex(out);
      try {
        for (const query of queries) {
          for (const rerank of [0, 5, 13, 22]) {
            for (const top of [7, 22]) {
              const found = await searchIndex(model, { index, query }, { top, rerank });
              const equal = found.filter(({ image }) => image !== other);
              expect(equal.map(({ image }) => basename(image))).toEqual([...names].sort().slice(0, equal.length));
              expect(new Set(equal.map(({ itc }) => itc)).size).toBe(1);
              const itm = equal.flatMap((one) => (one.itm === null ? [] : [one.itm]));
              expect(new Set(itm).size).toBe(Math.min(rerank, 1));
            }
          }
        }
      } finally {
        await index.close();
      }
    }
  });
});
