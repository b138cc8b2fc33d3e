import { copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixture, inFolder, json } from '@blip2/testing';
import { expect, jest, test } from '@jest/globals';
import { blip2 } from '../../test/process.js';

jest.setTimeout(240_000);

const itm = fixture('hf-itm');
const common = ['--json', '--backend', 'cpu'];
const lines = <T>(text: string): T[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

interface Golden {
  readonly images: string[];
  readonly texts: string[];
  readonly itm_probability: number[];
  readonly itc: number[][];
}

test("match gives the reference's scores of image files", async () => {
  const { images, texts, itm_probability, itc } = await json<Golden>(join(itm, 'golden.json'));
  await Promise.all(
    images.map(async (name, i) => {
      const { code, stdout } = await blip2(['match', fixture(`photos/${name}`), ...texts, '--model', itm, ...common]);
      expect(code).toBe(0);
      const matches = lines<{ text: string; itm: number; itc: number }>(stdout);
      expect(matches.map(({ text }) => text)).toEqual(texts);
      expect(matches[i]!.itm).toBeCloseTo(itm_probability[i]!, 5);
      for (const [t, match] of matches.entries()) expect(match.itc).toBeCloseTo(itc[i]![t]!, 5);
    }),
  );
});

test('index and search: an image that cannot be read is reported and skipped, and the index names its model', async () => {
  const { images, texts, itm_probability, itc } = await json<Golden>(join(itm, 'golden.json'));
  await inFolder(async (folder) => {
    const out = join(folder, 'index.safetensors');
    const bad = join(folder, 'bad.png');
    await writeFile(bad, 'no image');
    const photos = images.map((name) => fixture(`photos/${name}`));
    const indexed = await blip2(['index', ...photos, bad, '--model', itm, '--out', out, '--no-features', ...common]);
    expect(indexed.code).toBe(1);
    expect(indexed.stderr).toContain('bad.png" is not an image');
    expect(lines(indexed.stdout)).toEqual([
      { out, images: 2, encoded: 2, pruned: 0, skipped: 1, seconds: expect.any(Number) },
    ]);
    const [exact, byImage, approximate] = await Promise.all([
      blip2(['search', texts[1]!, '--index', out, ...common]),
      blip2(['search', '--image', photos[1]!, '--index', out, ...common]),
      blip2(['search', texts[1]!, '--index', out, '--approximate', '--top', '1', ...common]),
    ]);
    expect([exact.code, exact.stderr]).toEqual([0, '']);
    const results = lines<{ rank: number; image: string; itc: number; itm: number }>(exact.stdout);
    expect(Object.keys(results[0]!)).toEqual(['rank', 'image', 'itc', 'itm']);
    expect(results.map(({ rank }) => rank)).toEqual([1, 2]);
    for (const { image, itc: similarity, itm } of results) {
      const i = photos.indexOf(image);
      expect(similarity).toBeCloseTo(itc[i]![1]!, 5);
      if (i === 1) expect(itm).toBeCloseTo(itm_probability[1]!, 5);
    }
    expect(lines(approximate.stdout)).toEqual(results.slice(0, 1));
    const similar = lines<{ rank: number; image: string; itc: number; itm: null }>(byImage.stdout);
    expect(similar.map(({ rank, image, itm }) => [rank, image, itm])).toEqual([
      [1, photos[1], null],
      [2, photos[0], null],
    ]);
    expect(similar[0]!.itc).toBeCloseTo(1, 5);
    expect((await readdir(folder)).sort()).toEqual(['bad.png', 'index.safetensors', 'index.safetensors.usearch']);
  });
});

test('index and caption take a folder with links and other files, which are counted and named', async () => {
  await inFolder(async (parent) => {
    const folder = join(parent, 'photos');
    await mkdir(folder);
    await copyFile(fixture('photos/rocket.jpg'), join(folder, 'rocket.JFIF'));
    await writeFile(join(folder, 'notes.txt'), '');
    await writeFile(join(folder, '.hidden.png'), '');
    for (const link of ['loop', 'loop2']) await symlink('..', join(folder, link));
    const out = join(parent, 'index.safetensors');
    const [indexed, captioned] = await Promise.all([
      blip2(['index', folder, '--model', itm, '--out', out, '--no-features', ...common]),
      blip2(['caption', folder, '--model', fixture('hf-opt'), '--max-new-tokens', '2', ...common]),
    ]);
    expect([indexed.code, captioned.code]).toEqual([0, 0]);
    const seconds = expect.any(Number);
    expect(lines(indexed.stdout)).toEqual([{ images: 1, skipped: 4, encoded: 1, pruned: 0, out, seconds }]);
    expect(lines<{ image: string }>(captioned.stdout).map(({ image }) => image)).toEqual([join(folder, 'rocket.JFIF')]);
    for (const { stderr } of [indexed, captioned]) {
      expect(stderr).toContain(`that can be decoded): ${join(folder, 'notes.txt')}.`);
      expect(stderr).toContain(`Skipped 1 (hidden): ${join(folder, '.hidden.png')}.`);
      expect(stderr).toContain(
        `Skipped 2 (a link to an image or folder that is listed already): ${join(folder, 'loop')}`,
      );
    }
  });
});

test('features and explain write their files and print what they wrote', async () => {
  await inFolder(async (folder) => {
    const [features, sheet] = [join(folder, 'features.safetensors'), join(folder, 'sheet.svg')];
    const photo = fixture('photos/rocket.jpg');
    const [written, drawn] = await Promise.all([
      blip2(['features', '--text', 'a rocket', 'a cat', '--model', itm, '--out', features, ...common]),
      blip2(['explain', photo, 'a rocket', '--model', itm, '--out', sheet, ...common]),
    ]);
    expect(lines<{ input: string }>(written.stdout).map(({ input }) => input)).toEqual(['a rocket', 'a cat']);
    expect(Object.keys(lines<object>(written.stdout)[0]!)).toEqual(['input', 'shape']);
    expect(lines(drawn.stdout)).toEqual([{ image: photo, out: sheet }]);
    expect((await readdir(folder)).sort()).toEqual(['features.safetensors', 'sheet.svg']);
  });
});

test('--no-orient ignores the EXIF orientation, which is applied otherwise', async () => {
  const images = await json<Record<string, { file: string }>>(fixture('images/pillow.json'));
  await inFolder(async (folder) => {
    const score = async (name: string, ...options: string[]) => {
      const image = join(folder, name);
      await writeFile(image, Buffer.from(images[name.replace('.jpg', '')]!.file, 'base64'));
      const { stdout } = await blip2(['match', image, 'a cat', '--model', itm, ...common, ...options]);
      return lines<{ itm: number }>(stdout)[0]!.itm;
    };
    const upright = await score('jpeg-exif1.jpg');
    expect(await score('jpeg-exif6.jpg', '--no-orient')).toBe(upright);
    expect(await score('jpeg-exif6.jpg')).not.toBe(upright);
    const [image, out] = [join(folder, 'jpeg-exif6.jpg'), join(folder, 'index.safetensors')];
    const index = ['index', image, '--model', itm, '--out', out, '--no-features', ...common];
    expect((await blip2([...index, '--no-orient'])).code).toBe(0);
    const { stdout } = await blip2(['search', 'a cat', '--index', out, ...common]);
    expect(lines<{ itm: number }>(stdout)[0]!.itm).toBeCloseTo(upright, 6);
    expect((await blip2(index)).stderr).toContain('was made without the EXIF orientation of images');
  });
});
