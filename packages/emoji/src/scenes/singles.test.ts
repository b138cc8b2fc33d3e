import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { splits } from '../vendors.js';
import { sceneDataset } from './dataset.js';
import { type SingleDataset, singleDataset } from './singles.js';
import { loadNouns } from './vocabulary.js';

const cacheDir = mkdtempSync(join(tmpdir(), 'blip2-singles-'));
afterAll(() => rmSync(cacheDir, { recursive: true }));
let singles: SingleDataset;
beforeAll(async () => {
  singles = await singleDataset({ size: 32, vendors: ['noto'], cacheDir });
}, 120_000);

test('each noun comes once by each vendor, a third of them on each background', () => {
  const all = Array.from({ length: singles.length }, (_, i) => singles.metadata(i));
  expect(new Set(all.map(({ noun }) => noun.one)).size).toBe(loadNouns().length);
  for (const background of ['white', 'transparent', 'color']) {
    const count = all.filter((one) => one.background === background).length;
    expect(Math.abs(count - all.length / 3)).toBeLessThan(1);
  }
  expect(all.find(({ noun }) => noun.one === 'elephant')?.caption).toBe('an elephant');
  expect(() => singles.metadata(singles.length)).toThrow(RangeError);
});

test('the border of an image has the color of its background, and drawings are the same each time', () => {
  const most = (i: number): string => {
    const { data } = singles.get(i).image;
    const counts = new Map<string, number>();
    for (let p = 0; p < data.length; p += 3) {
      const color = [data[p], data[p + 1], data[p + 2]].join();
      counts.set(color, (counts.get(color) ?? 0) + 1);
    }
    return [...counts].sort((a, b) => b[1] - a[1])[0]![0];
  };
  let [white, black] = [0, 0];
  for (let i = 0; i < singles.length; i++) {
    const { background } = singles.metadata(i);
    if (background === 'white' && most(i) === '255,255,255') white++;
    if (background === 'transparent' && most(i) === '0,0,0') black++;
  }
  const bytes = (index: number) => Buffer.from(singles.get(index).image.data);
  for (const index of [0, 1, 2]) expect(bytes(index).equals(bytes(index))).toBe(true);
  expect(white).toBeGreaterThan(25);
  expect(black).toBeGreaterThan(25);
});

test('scenes of the test can be drawn by the vendors of the training: the same plans', async () => {
  const known = await sceneDataset('test', { size: 32, count: 24, vendors: splits.train.slice(0, 1), cacheDir });
  const unseen = await sceneDataset('test', { size: 32, count: 24, cacheDir });
  for (let i = 0; i < 24; i++) {
    expect(known.metadata(i).caption).toBe(unseen.metadata(i).caption);
    expect(known.metadata(i).layout.every(({ vendor }) => vendor === splits.train[0])).toBe(true);
  }
  const bytes = (of: typeof known) => Buffer.from(of.get(0).image.data);
  expect(bytes(known).equals(bytes(unseen))).toBe(false);
}, 120_000);

test('shifted vendors draw the same images otherwise', async () => {
  const vendors = splits.train.slice(0, 2);
  const nouns = loadNouns().slice(0, 3);
  const common = { size: 32, vendors, nouns, cacheDir };
  const bytes = (of: { get(index: number): { image: { data: Uint8Array } } }) => Buffer.from(of.get(1).image.data);
  const sceneSets = await Promise.all(
    [0, 1].map((vendorShift) => sceneDataset('train', { ...common, nouns: loadNouns(), count: 12, vendorShift })),
  );
  const [scenes, shifted] = sceneSets.map((set) => Array.from({ length: 12 }, (_, i) => set.metadata(i)));
  expect(shifted).toEqual(
    scenes!.map((one) => ({
      ...one,
      layout: one.layout.map((placed) => ({ ...placed, vendor: vendors.find((vendor) => vendor !== placed.vendor) })),
    })),
  );
  expect(bytes(sceneSets[0]!).equals(bytes(sceneSets[1]!))).toBe(false);
  const [singles, other] = await Promise.all([0, 1].map((vendorShift) => singleDataset({ ...common, vendorShift })));
  for (let i = 0; i < singles!.length; i++) {
    const { vendor, ...rest } = other!.metadata(i);
    expect(singles!.metadata(i)).toEqual({ ...rest, vendor: vendors.find((one) => one !== vendor) });
  }
  expect(bytes(singles!).equals(bytes(other!))).toBe(false);
}, 120_000);
