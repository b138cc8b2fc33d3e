import { copyFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Blip2, fromPretrained } from '@blip2/models';
import { openSafetensors, writeSafetensors } from '@blip2/tensor/safetensors';
import { altered } from '@blip2/test-models';
import { expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { openIndex } from './index-file.js';
import { indexImages } from './index-images.js';
import { type SearchOptions, searchIndex } from './search.js';

const photos = ['chelsea.png', 'rocket.jpg', 'coffee.png'].map((name) => fixture(`photos/${name}`));
let model: Blip2;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await fromPretrained(fixture('hf-itm'));
});
afterAll(() => model.dispose());

async function search(path: string | URL, query: string, options?: SearchOptions) {
  const index = await openIndex(path);
  try {
    return await searchIndex(model, { index, query }, options);
  } finally {
    await index.close();
  }
}

test('a search gives the scores of `match`, in the order of logit + similarity', async () => {
  const { texts, itc } = await json<{ texts: string[]; itc: number[][] }>(fixture('hf-itm/golden.json'));
  const matches = await Promise.all(photos.map((image) => model.match(image, texts)));
  await inFolder(async (folder) => {
    await expectNoLeak(async () => {
      for (const [features, digits] of [
        [false, 6],
        [true, 3],
      ] as const) {
        const out = join(folder, `${features}.safetensors`);
        const urls = { out: pathToFileURL(out), features };
        const summary = await indexImages(
          model,
          photos.map((path) => pathToFileURL(path)),
          urls,
        );
        expect(summary).toEqual({ out, images: 3, encoded: 3, pruned: 0 });
        for (const [t, query] of texts.entries()) {
          const found = await search(out, query);
          expect(found.map(({ rank }) => rank)).toEqual([1, 2, 3]);
          for (const { image, itc: similarity, itm } of found) {
            const match = matches[photos.indexOf(image)]![t]!;
            expect(itm).toBeCloseTo(match.itm, digits);
            expect(similarity).toBeCloseTo(match.itc, 5);
            const golden = itc[photos.indexOf(image)]?.[t];
            if (golden !== undefined) expect(similarity).toBeCloseTo(golden, 5);
          }
        }
      }
    });
    const out = join(folder, 'false.safetensors');
    const byItc = await search(pathToFileURL(out), texts[0]!, { rerank: 0 });
    expect(byItc.map(({ itm }) => itm)).toEqual([null, null, null]);
    expect([...byItc].sort((a, b) => b.itc - a.itc)).toEqual(byItc);
    const [first, second] = await search(out, texts[0]!, { rerank: 1, top: 2 });
    expect([first!.image, first!.itm === null, second!.itm]).toEqual([byItc[0]!.image, false, null]);
  });
});

test('an index is brought up to date: only what is new or changed is encoded', async () => {
  await inFolder(async (folder) => {
    const out = join(folder, 'index.safetensors');
    const own = ['a.png', 'b.jpg', 'c.png'].map((name) => join(folder, name));
    for (const [i, path] of own.entries()) await copyFile(photos[i]!, path);
    const index = (images: string[], options = {}) => indexImages(model, images, { out, ...options });
    expect(await index(own.slice(0, 2))).toMatchObject({ images: 2, encoded: 2 });
    const before = await search(out, 'a rocket');
    expect(await index(own)).toMatchObject({ images: 3, encoded: 1 });
    expect(await index(own)).toMatchObject({ images: 3, encoded: 0 });
    await utimes(own[0]!, 1e9, 1e9);
    expect(await index(own)).toMatchObject({ images: 3, encoded: 1 });
    const after = await search(out, 'a rocket');
    expect(after.filter(({ image }) => image !== own[2]).map(({ image, itm }) => [image, itm])).toEqual(
      before.map(({ image, itm }) => [image, itm]),
    );
    await rm(own[1]!);
    expect(await index([], { prune: true })).toMatchObject({ images: 2, pruned: 1 });
    expect((await readdir(folder)).sort()).toEqual(['a.png', 'c.png', 'index.safetensors']);
  });
});

test('what cannot be read is told of and left out; stopping keeps what was done', async () => {
  await inFolder(async (folder) => {
    const out = join(folder, 'index.safetensors');
    const bad = join(folder, 'bad.jpg');
    await writeFile(bad, 'no image');
    const unread: string[] = [];
    const onUnreadable = (image: string) => unread.push(image);
    await expect(indexImages(model, [bad], { out, onUnreadable })).rejects.toThrow('There is no image for');
    await expect(indexImages(model, [bad], { out })).rejects.toThrow('is not an image');
    expect(await indexImages(model, [bad, photos[0]!, 'gone.png'], { out, onUnreadable })).toMatchObject({ images: 1 });
    expect(unread).toEqual([bad, bad, 'gone.png']);
    const control = new AbortController();
    const stopping = { out, signal: control.signal, onProgress: () => control.abort(new Error('enough')) };
    await expect(indexImages(model, photos.slice(1), stopping)).rejects.toThrow('enough');
    expect(await search(out, 'a cat')).toHaveLength(2);
  });
});

test('another model, another file and a damaged index are refused in a sentence', async () => {
  await inFolder(async (folder) => {
    const out = join(folder, 'index.safetensors');
    await indexImages(model, photos.slice(0, 1), { out });
    const other = join(folder, 'other');
    await altered('hf-itm', other, (entries) =>
      entries.map((entry) =>
        entry.name === 'itm_head.weight' ? { ...entry, data: new Float32Array(2 * entry.shape[1]!).fill(0.5) } : entry,
      ),
    );
    using stranger = await fromPretrained(other);
    await expect(indexImages(stranger, photos, { out })).rejects.toThrow('was made with another model');
    await expect(openIndex(fixture('hf-itm/model.safetensors'))).rejects.toThrow('is not an index of images');
    const source = await openSafetensors(out);
    const metadata = Object.fromEntries(source.metadata);
    const tensor = { name: 'vectors.0', shape: [1, 2, 3], dtype: 'F32' as const, data: new Float32Array(6) };
    await source.close();
    const damaged = join(folder, 'damaged.safetensors');
    const images = JSON.parse(metadata.images!) as object[];
    for (const [changed, message] of [
      [{ images: JSON.stringify([...images, ...images]) }, 'do not fit its 2 images'],
      [{ images: '[{"image":3}]' }, "'images' cannot be read"],
      [{ model: 'none' }, "'model' cannot be read"],
      [{ version: '9' }, 'another version'],
    ] as const) {
      await writeSafetensors(damaged, [tensor], { metadata: { ...metadata, ...changed } });
      await expect(openIndex(damaged)).rejects.toThrow(message);
    }
  });
});

test('an index keeps whether the EXIF orientation was applied', async () => {
  const images = await json<Record<string, { file: string }>>(fixture('images/pillow.json'));
  await inFolder(async (folder) => {
    const image = join(folder, 'rotated.jpg');
    await writeFile(image, Buffer.from(images['jpeg-exif6']!.file, 'base64'));
    const out = join(folder, 'index.safetensors');
    using stored = await fromPretrained(fixture('hf-itm'), { orient: false });
    await indexImages(stored, [image], { out, features: false });
    const { itm, itc } = await stored.match(image, 'a cat');
    const [found] = await search(out, 'a cat'); // with a model that applies it
    expect([found!.itm, found!.itc]).toEqual([expect.closeTo(itm, 6), expect.closeTo(itc, 5)]);
    await expect(indexImages(model, [image], { out })).rejects.toThrow('was made without the EXIF orientation');
  });
});
