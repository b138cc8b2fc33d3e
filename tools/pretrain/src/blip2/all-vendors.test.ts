import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EncodedData } from '@blip2/demo';
import { loadNouns } from '@blip2/emoji';
import { silent } from '@blip2/runs';
import type { VisionModel } from '@blip2/training';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { VALIDATION } from '../drawings.js';
import { SIZE } from '../encoder/places.js';
import { type AllVendorsImages, allVendorsImages, ROUNDS } from './all-vendors.js';
import { drawingsByEmoji, SETS } from './drawings-by-emoji.js';

const nouns = loadNouns().slice(0, 6);
const entries = nouns.map(({ entry }) => entry);
/** Gives the color in the middle of an image. */
const vision = {
  width: 3,
  encode: (pixels: tf.Tensor4D) =>
    tf.squeeze(tf.slice(pixels, [0, SIZE / 2, SIZE / 2, 0], [-1, 1, 1, -1]), [1]) as tf.Tensor3D,
  processor: {
    size: { width: SIZE, height: SIZE },
    ...{ filter: 'bicubic', mean: [0, 0, 0], std: [1, 1, 1], rescale: 1 },
  },
} as unknown as VisionModel;

const AUGMENTED_VIEWS = 3;

let work: string;
let images: AllVendorsImages;
beforeAll(async () => {
  await tf.setBackend('cpu');
  work = await mkdtemp(join(tmpdir(), 'all-vendors-'));
  images = await allVendorsImages({
    vision,
    reporter: silent,
    work,
    augmented: true,
    augmentedViews: AUGMENTED_VIEWS,
    entries,
  });
});
afterAll(async () => {
  images.close();
  await rm(work, { recursive: true });
});

test('an emoji has a drawing of each set that has drawn it, and none by Noto or Firefox OS', () => {
  const { drawings, places, most } = drawingsByEmoji(entries);
  expect(SETS).not.toContain(VALIDATION);
  expect(SETS).not.toContain('noto');
  for (const { code } of entries) {
    const sets = (places.get(code) ?? []).map((place) => drawings[place]?.set);
    expect(new Set(sets).size).toBe(sets.length);
    expect(sets.length).toBeLessThanOrEqual(most);
    expect(sets.slice(0, 4)).toEqual(SETS.slice(0, 4));
  }
  expect(drawings.length).toBeGreaterThan(4 * entries.length);
});

/** How many different images data have at some places. */
const different = ({ image }: Pick<EncodedData<unknown>, 'image'>, places: readonly number[]): number =>
  new Set(places.map((place) => Buffer.from(image(place).data).toString('base64'))).size;

test('emoji are drawn on white by each set in turn, once as they are and then changed; single drawings and scenes by one that their place draws', async () => {
  const emoji = await images.emoji(entries);
  const rounds = ROUNDS * (1 + AUGMENTED_VIEWS);
  expect(emoji.features.length).toBe(entries.length * rounds);
  expect(emoji.metadata(entries.length + 2).code).toBe(entries[2]?.code);
  const sameEmoji = Array.from({ length: rounds }, (_, round) => round * entries.length);
  expect(different(emoji, sameEmoji)).toBe(rounds);
  const plain = await allVendorsImages({ vision, reporter: silent, work, augmented: false, entries });
  const unchanged = await plain.emoji(entries);
  expect(unchanged.features.length).toBe(entries.length * ROUNDS);
  expect(unchanged.image(entries.length)).toEqual(emoji.image(entries.length));
  plain.close();

  const singles = await images.singles({ variants: 1, seed: 1, nouns });
  expect(singles.features.length).toBe(nouns.length * ROUNDS);
  expect(singles.metadata(3)).toMatchObject({ caption: `${nouns[3]?.article} ${nouns[3]?.one}` });
  const sameNoun = Array.from({ length: ROUNDS }, (_, round) => round * nouns.length + 3);
  expect(different(singles, sameNoun)).toBe(ROUNDS);
  expect(singles.image(5)).toEqual(singles.image(5));

  const scenes = await images.scenes({ count: 4, seed: 1, nouns });
  const shifted = await images.scenes({ count: 4, seed: 1, nouns, vendorShift: 1 });
  expect(scenes.metadata(2).caption).toBe(shifted.metadata(2).caption);
  expect(scenes.image(2).data).not.toEqual(shifted.image(2).data);
  expect((await scenes.features.gather([0, 3])).shape).toEqual([2, 1, 3]);
});
