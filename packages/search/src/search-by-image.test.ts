import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Blip2, extractImageFeatures, fromPretrained } from '@blip2/models';
import { expectNoLeak, fixture, inFolder } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { openIndex } from './index-file.js';
import { indexImages } from './index-images.js';
import { searchByImage } from './search-by-image.js';

const photos = ['chelsea.png', 'rocket.jpg', 'coffee.png'].map((name) => fixture(`photos/${name}`));
let model: Blip2;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await fromPretrained(fixture('hf-itm'));
});
afterAll(() => model.dispose());

/** The mean of an image's ITC features over its queries, in double precision. */
async function pooled(image: string): Promise<number[]> {
  const { shape, values } = (await extractImageFeatures(model, image)).image_embeds_proj!;
  const [Q, E] = shape as [number, number];
  return Array.from({ length: E }, (_, e) => Array.from({ length: Q }, (_, q) => values[q * E + e]! / Q)).map((row) =>
    row.reduce((sum, x) => sum + x, 0),
  );
}

const cosine = (a: number[], b: number[]): number => {
  const dot = (x: number[], y: number[]): number => x.reduce((sum, v, i) => sum + v * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

test('images are ordered by the cosine of their pooled features; an image itself comes first, with 1', async () => {
  await inFolder(async (folder) => {
    const copy = join(folder, 'a-copy.jpg');
    await copyFile(photos[1]!, copy);
    const out = join(folder, 'index.safetensors');
    await indexImages(model, [copy, ...photos], { out, features: false });
    const index = await openIndex(out);
    try {
      await expectNoLeak(async () => {
        const found = await searchByImage(model, { index, image: photos[1]! });
        expect(found.slice(0, 2).map(({ image }) => image)).toEqual([copy, photos[1]].sort());
        expect(found[0]!.itc).toBe(found[1]!.itc);
        expect(found[0]!.itc).toBeCloseTo(1, 5);
        expect(found.map(({ rank, itm }) => [rank, itm])).toEqual([1, 2, 3, 4].map((rank) => [rank, null]));
        const query = await pooled(photos[1]!);
        for (const { image, itc } of found) expect(itc).toBeCloseTo(cosine(query, await pooled(image)), 5);
        expect([...found].sort((a, b) => b.itc - a.itc)).toEqual(found);
        using encoded = await model.encodeImage(photos[1]!);
        expect(await searchByImage(model, { index, image: encoded }, { top: 2 })).toEqual(found.slice(0, 2));
        const signal = AbortSignal.abort(new Error('enough'));
        await expect(searchByImage(model, { index, image: photos[0]! }, { signal })).rejects.toThrow('enough');
      });
    } finally {
      await index.close();
    }
  });
});
