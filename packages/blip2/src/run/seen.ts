import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheKey } from '@blip2/data';
import {
  defaultCacheDir,
  type Emoji,
  type EmojiItem,
  emojiDataset,
  type Scene,
  type Split,
  sceneDataset,
} from '@blip2/emoji';
import { encodeAll, encodeToFile, type FeatureStore, type Pictures } from '../data/features.js';
import type { Vision } from '../parts/load.js';
import type { Reporter } from './reporter.js';

export interface SeenOptions {
  readonly vision: Vision;
  /** Of the encoder's folder: what it saw is kept on disk under it. Without it, in memory. */
  readonly fingerprint?: string;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** Emoji that the frozen encoder has looked at. */
export interface SeenEmoji {
  readonly features: FeatureStore;
  about(index: number): Omit<EmojiItem, 'picture'>;
  picture(index: number): EmojiItem['picture'];
  close(): Promise<void>;
}

/** Scenes that the frozen encoder has looked at. */
export interface SeenScenes {
  readonly features: FeatureStore;
  about(index: number): Scene;
  picture(index: number): EmojiItem['picture'];
  close(): Promise<void>;
}

export async function seeEmoji(split: Split, entries: readonly Emoji[], options: SeenOptions): Promise<SeenEmoji> {
  const { reporter } = options;
  const size = sizeOf(options.vision);
  const data = await emojiDataset(split, {
    size,
    entries,
    onProgress: (done, total) => reporter.progress(`drawing ${split} emoji`, done, total),
  });
  const pictures = { length: data.length, item: (index: number) => data.item(index).picture };
  const features = await see(pictures, `${split} emoji`, [size, entries.map(({ code }) => code)], options);
  const close = async (): Promise<void> => {
    data.close();
    await features.close();
  };
  return { features, about: (index) => data.about(index), picture: pictures.item, close };
}

export async function seeScenes(
  split: Split,
  { count, seed }: { count: number; seed: number },
  options: SeenOptions,
): Promise<SeenScenes> {
  const { reporter } = options;
  const size = sizeOf(options.vision);
  const data = await sceneDataset(split, {
    size,
    count,
    seed,
    onProgress: (done, total) => reporter.progress(`drawing ${split} scenes`, done, total),
  });
  const pictures = { length: data.length, item: (index: number) => data.item(index).picture };
  const features = await see(pictures, `${split} scenes`, [size, count, seed], options);
  return { features, about: (index) => data.about(index), picture: pictures.item, close: () => features.close() };
}

/** Changed whenever the same arguments draw other pictures. */
const DRAWN = 1;

async function see(
  pictures: Pictures,
  name: string,
  what: readonly unknown[],
  { vision, fingerprint, reporter, signal }: SeenOptions,
): Promise<FeatureStore> {
  const how = {
    processor: vision.processor,
    onProgress: (done: number, total: number) => reporter.progress(`looking at ${name}`, done, total),
    ...(signal ? { signal } : {}),
  };
  if (fingerprint === undefined) return encodeAll(vision, pictures, how);
  const key = await cacheKey(DRAWN, fingerprint, name, ...what);
  const folder = join(defaultCacheDir(), 'features');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name.replace(' ', '-')}-${key.slice(0, 16)}.f16`);
  return encodeToFile(vision, pictures, { path, key, ...how });
}

function sizeOf({ processor }: Vision): number {
  const { size } = processor;
  if (size && 'width' in size && size.width === size.height) return size.width;
  throw new Error('Emoji are drawn in the square size that the encoder wants, and its processor names none.');
}
