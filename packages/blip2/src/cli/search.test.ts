import { readdir, writeFile } from 'node:fs/promises';
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

test('index and search: an unreadable image is told of, the rest is found, and the model is remembered', async () => {
  const { images, texts, itm_probability, itc } = await json<Golden>(join(itm, 'golden.json'));
  await inFolder(async (folder) => {
    const out = join(folder, 'index.safetensors');
    const bad = join(folder, 'bad.png');
    await writeFile(bad, 'no image');
    const photos = images.map((name) => fixture(`photos/${name}`));
    const made = await blip2(['index', ...photos, bad, '--model', itm, '--out', out, '--no-features', ...common]);
    expect(made.code).toBe(1);
    expect(made.stderr).toContain('bad.png" is not an image');
    expect(lines(made.stdout)).toEqual([
      { out, images: 2, encoded: 2, pruned: 0, unread: 1, seconds: expect.any(Number) },
    ]);
    const [found, graph] = await Promise.all([
      blip2(['search', texts[1]!, '--index', out, ...common]),
      blip2(['search', texts[1]!, '--index', out, '--approximate', '--top', '1', ...common]),
    ]);
    expect([found.code, found.stderr]).toEqual([0, '']);
    const results = lines<{ rank: number; image: string; itc: number; itm: number }>(found.stdout);
    expect(Object.keys(results[0]!)).toEqual(['rank', 'image', 'itc', 'itm']);
    expect(results.map(({ rank }) => rank)).toEqual([1, 2]);
    for (const { image, itc: similarity, itm } of results) {
      const i = photos.indexOf(image);
      expect(similarity).toBeCloseTo(itc[i]![1]!, 5);
      if (i === 1) expect(itm).toBeCloseTo(itm_probability[1]!, 5);
    }
    expect(lines(graph.stdout)).toEqual(results.slice(0, 1));
    expect((await readdir(folder)).sort()).toEqual(['bad.png', 'index.safetensors', 'index.safetensors.usearch']);
  });
});

test('features and explain write their files, and say so', async () => {
  await inFolder(async (folder) => {
    const [features, sheet] = [join(folder, 'features.safetensors'), join(folder, 'sheet.png')];
    const photo = fixture('photos/rocket.jpg');
    const [written, drawn, wrong] = await Promise.all([
      blip2(['features', '--text', 'a rocket', 'a cat', '--model', itm, '--out', features, ...common]),
      blip2(['explain', photo, 'a rocket', '--model', itm, '--out', sheet, ...common]),
      blip2(['features', '--model', itm, '--out', features]),
    ]);
    expect(lines<{ input: string }>(written.stdout).map(({ input }) => input)).toEqual(['a rocket', 'a cat']);
    expect(Object.keys(lines<object>(written.stdout)[0]!)).toEqual(['input', 'shape']);
    expect(lines(drawn.stdout)).toEqual([{ image: photo, out: sheet }]);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect((await readdir(folder)).sort()).toEqual(['features.safetensors', 'sheet.png']);
  });
});
