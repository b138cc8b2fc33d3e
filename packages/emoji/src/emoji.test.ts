import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { candidateCodes } from './candidates.js';
import { renderDrawings } from './drawings.js';
import { type EmojiDataset, emojiDataset } from './emoji.js';
import { loadEmoji } from './entries.js';
import { openVendor } from './icons.js';
import { renderSvg } from './render.js';
import { normalizeLabel, retrievalCandidates, sampleCandidates } from './retrieval.js';
import { allVendors, splits } from './vendors.js';

const cacheDir = mkdtempSync(join(tmpdir(), 'blip2-emoji-'));
afterAll(() => rmSync(cacheDir, { recursive: true }));

describe('the list of emoji', () => {
  const entries = loadEmoji();

  test('holds the 1,594 that five vendors have drawn, each once', () => {
    expect(entries.length).toBe(1594);
    expect(new Set(entries.map((entry) => entry.code)).size).toBe(1594);
    expect(new Set(entries.map((entry) => entry.label)).size).toBe(1594);
    expect(entries.find((entry) => entry.code === '1f34e')).toMatchObject({ label: 'red apple', group: 4 });
  });

  test('has no skin tone, no component and no presentation selector', () => {
    expect(entries.filter((entry) => /1f3f[b-f]|fe0f/.test(entry.code))).toEqual([]);
    expect(entries.filter((entry) => entry.group === 2)).toEqual([]);
    expect(entries.filter((entry) => /skin tone/.test(entry.label))).toEqual([]);
  });

  test('names an icon that its package has', () => {
    for (const vendor of allVendors) {
      const draw = openVendor(vendor);
      for (const entry of entries) expect(draw(entry, 16).length).toBeGreaterThan(150);
    }
  });
});

describe('the candidates of retrieval', () => {
  test('are the committed 400, distinct to a text encoder', () => {
    expect(candidateCodes).toEqual(sampleCandidates(loadEmoji()).map((entry) => entry.code));
    expect(new Set(retrievalCandidates().map((entry) => normalizeLabel(entry.label))).size).toBe(400);
  });

  test('differ with the seed', () => {
    const other = sampleCandidates(loadEmoji(), { seed: 1 }).map((entry) => entry.code);
    expect(other).not.toEqual(candidateCodes);
  });
});

describe('the drawings', () => {
  const apple = loadEmoji().filter((entry) => /^(red apple|green apple|locomotive)$/.test(entry.label));

  test('lie on white, or have alpha', async () => {
    const red = apple.find((entry) => entry.label === 'red apple')!;
    const rgb = await renderSvg(red, 'twemoji', 32);
    const rgba = await renderSvg(red, 'twemoji', 32, { channels: 4 });
    expect([rgb.length, rgba.length]).toEqual([32 * 32 * 3, 32 * 32 * 4]);
    expect([...rgb.slice(0, 3)]).toEqual([255, 255, 255]);
    expect(rgba[3]).toBe(0);
    const middle = 18 * 32 + 16;
    const [r, g, b] = rgb.slice(middle * 3);
    expect([...rgba.slice(middle * 4, middle * 4 + 4)]).toEqual([r, g, b, 255]);
    expect(r!).toBeGreaterThan(g! + 80);
    const onBlue = await renderSvg(red, 'twemoji', 32, { background: [0, 0, 255] });
    expect([...onBlue.slice(0, 3)]).toEqual([0, 0, 255]);
  });

  test('are rendered once, alike each time, and nothing half-written stays', async () => {
    const options = { size: 24, cacheDir, vendors: ['openmoji', 'fluent-flat'] as const };
    const steps: number[] = [];
    const first = await renderDrawings(apple, { ...options, onProgress: (done) => steps.push(done) });
    expect(steps.slice(0, 6)).toEqual([1, 2, 3, 4, 5, 6]);
    const files = readdirSync(cacheDir);
    expect(files.length).toBe(2);
    const again: number[] = [];
    const second = await renderDrawings(apple, { ...options, onProgress: (done) => again.push(done) });
    expect(again).toEqual([6]);
    expect(readdirSync(cacheDir)).toEqual(files);
    for (const [vendor, drawings] of first) {
      expect(second.get(vendor)!.read(1)).toEqual(drawings.read(1));
      expect(drawings.read(1)).toEqual(await renderSvg(apple[1]!, vendor, 24));
      expect(() => drawings.read(3)).toThrow('no drawing 3');
      drawings.close();
      second.get(vendor)!.close();
    }
  });

  test('are refused at an impossible size', async () => {
    await expect(renderDrawings(apple, { size: 0, cacheDir })).rejects.toThrow('0 pixels');
  });
});

describe('the data set', () => {
  const entries = loadEmoji().slice(400, 404);
  let train: EmojiDataset;
  let heldOut: EmojiDataset;
  beforeAll(async () => {
    train = await emojiDataset('train', { size: 16, cacheDir, entries });
    heldOut = await emojiDataset('test', { size: 16, cacheDir, entries });
  });
  afterAll(() => {
    train?.close();
    heldOut?.close();
  });

  test('never gives Noto for training, nor anything else for the test', () => {
    expect(splits.train).not.toContain('noto');
    const vendors = (data: EmojiDataset) => new Set(Array.from({ length: data.length }, (_, i) => data.get(i).vendor));
    expect(vendors(train)).toEqual(new Set(['openmoji', 'twemoji', 'fluent', 'fluent-flat']));
    expect(vendors(heldOut)).toEqual(new Set(['noto']));
    const images = new Set(Array.from({ length: train.length }, (_, i) => train.get(i).image.data.join()));
    for (let i = 0; i < heldOut.length; i++) expect(images.has(heldOut.get(i).image.data.join())).toBe(false);
  });

  test('gives each emoji by each vendor with its label', async () => {
    expect([train.length, heldOut.length]).toEqual([16, 4]);
    const item = train.get(6);
    expect(item).toMatchObject({ label: entries[2]!.label, code: entries[2]!.code, vendor: 'twemoji' });
    expect(item.image).toEqual({ width: 16, height: 16, data: await renderSvg(entries[2]!, 'twemoji', 16) });
    expect(() => train.get(16)).toThrow('there are 16');
  });
});
