import { expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { reordered, vendorMix } from './vendor-mix.js';

const filled = (value: (index: number) => number) => ({
  length: 1000,
  gather: async (indices: readonly number[]) => tf.tensor3d(indices.map((index) => [[value(index), 2 * value(index)]])),
  close: async () => {},
});
const all = Array.from({ length: 1000 }, (_, i) => i);

test('half of the images are mixed, between the two and as far beyond as the reach, all channels alike', async () => {
  await expectNoLeak(async () => {
    const mixing = vendorMix(
      filled(() => 0),
      { others: filled(() => 1), reach: 0.5, seed: 1 },
    );
    const mixed = await mixing.gather(all);
    const rows = tf.tidy(() => mixed.reshape([1000, 2]).arraySync()) as [number, number][];
    mixed.dispose();
    const weights = rows.map(([weight]) => weight);
    for (const [one, two] of rows) expect(two).toBeCloseTo(2 * one, 6);
    expect(weights.filter((weight) => weight === 0).length / 1000).toBeCloseTo(0.5, 1);
    expect(Math.min(...weights)).toBeLessThan(-0.4);
    expect(Math.max(...weights)).toBeGreaterThan(1.4);
    expect(weights.every((weight) => weight >= -0.5 && weight <= 1.5)).toBe(true);
  });
});

test('equal indices and seeds give equal features', async () => {
  const values = async (seed: number, indices: number[]) => {
    const mixed = await vendorMix(filled(Math.sin), { others: filled(Math.cos), reach: 0, seed }).gather(indices);
    const text = mixed.dataSync().toString();
    mixed.dispose();
    return text;
  };
  const indices = all.slice(0, 20);
  expect(await values(1, indices)).toBe(await values(1, indices));
  expect(await values(1, indices)).not.toBe(await values(2, indices));
});

test('images are read in another order', async () => {
  const rows = await reordered(filled(Number), (i) => i + 3).gather([0, 4]);
  expect(rows.arraySync()).toEqual([[[3, 6]], [[7, 14]]]);
  rows.dispose();
});
