import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheKey, type DecodedImage } from '@blip2/data';
import {
  defaultCacheDir,
  type Emoji,
  type EmojiItem,
  emojiDataset,
  type Noun,
  type Scene,
  type Single,
  type Split,
  sceneDataset,
  singleDataset,
  splits,
  type Vendor,
} from '@blip2/emoji';
import type { Reporter } from '@blip2/runs';
import type { VisionModel } from '@blip2/training';
import { encodeAll, encodeToFile, type FeatureStore, type ImageList } from '@blip2/training';

/** Options of `encodeEmoji` and `encodeScenes`. */
export interface EncodeDataOptions {
  readonly vision: VisionModel;
  /** Identifies the encoder's weights: features are cached on disk under it. Without it, in memory. */
  readonly fingerprint?: string;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** Images of a data set with their features of the frozen encoder. */
export interface EncodedData<T> {
  readonly features: FeatureStore;
  /** Returns the description of an item, without its image. */
  metadata(index: number): T;
  /** Draws the image of an item. */
  image(index: number): DecodedImage;
  /** Frees features and drawings. */
  close(): Promise<void>;
}

/** Drawings of emoji with their features of the frozen encoder. */
export type EncodedEmoji = EncodedData<Omit<EmojiItem, 'image'>>;

/** Scenes with their features of the frozen encoder. */
export type EncodedScenes = EncodedData<Scene>;

/** Single drawings with their features of the frozen encoder. */
export type EncodedSingles = EncodedData<Single>;

/** Draws the emoji of a split and encodes each drawing. */
export async function encodeEmoji(
  split: Split,
  { entries, vendors = splits[split] }: { entries: readonly Emoji[]; vendors?: readonly Vendor[] },
  options: EncodeDataOptions,
): Promise<EncodedEmoji> {
  const { reporter } = options;
  const size = sizeOf(options.vision);
  const data = await emojiDataset(split, {
    size,
    entries,
    vendors,
    onProgress: (done, total) => reporter.progress(`drawing ${split} emoji`, done, total),
  });
  const images = { length: data.length, item: (index: number) => data.get(index).image };
  const features = await encodeImages(
    images,
    { name: `${split} emoji`, what: [size, entries.map(({ code }) => code), vendors] },
    options,
  );
  const close = async (): Promise<void> => {
    data.close();
    await features.close();
  };
  return { features, metadata: (index) => data.metadata(index), image: images.item, close };
}

/** Draws the first `count` scenes of a seed and encodes each. */
export async function encodeScenes(
  split: Split,
  {
    count,
    seed,
    vendors = splits[split],
    nouns,
    vendorShift = 0,
  }: { count: number; seed: number; vendors?: readonly Vendor[]; nouns?: readonly Noun[]; vendorShift?: number },
  options: EncodeDataOptions,
): Promise<EncodedScenes> {
  const { reporter } = options;
  const size = sizeOf(options.vision);
  const data = await sceneDataset(split, {
    size,
    count,
    seed,
    vendors,
    vendorShift,
    ...(nouns && { nouns }),
    onProgress: (done, total) => reporter.progress(`drawing ${split} scenes`, done, total),
  });
  const images = { length: data.length, item: (index: number) => data.get(index).image };
  const shown = [...(nouns ? ['all counts', nouns.map(({ one }) => one)] : []), ...shifted(vendorShift)];
  const features = await encodeImages(
    images,
    { name: `${split} scenes`, what: [size, count, seed, vendors, ...shown] },
    options,
  );
  return { features, metadata: (index) => data.metadata(index), image: images.item, close: () => features.close() };
}

/** Draws single drawings of the scenes' nouns and encodes each. */
export async function encodeSingles(
  split: Split,
  {
    variants,
    seed,
    vendors = splits[split],
    nouns,
    vendorShift = 0,
  }: { variants: number; seed: number; vendors?: readonly Vendor[]; nouns?: readonly Noun[]; vendorShift?: number },
  options: EncodeDataOptions,
): Promise<EncodedSingles> {
  const size = sizeOf(options.vision);
  const data = await singleDataset({ size, vendors, variants, seed, vendorShift, ...(nouns && { nouns }) });
  const images = { length: data.length, item: (index: number) => data.get(index).image };
  const shown = [...(nouns ? [nouns.map(({ one }) => one)] : []), ...shifted(vendorShift)];
  const features = await encodeImages(
    images,
    { name: `${split} drawings`, what: [size, vendors, variants, seed, ...shown] },
    options,
  );
  return { features, metadata: (index) => data.metadata(index), image: images.item, close: () => features.close() };
}

/** The part of a key of cached features for drawings of shifted vendors; none without a shift. */
const shifted = (vendorShift: number): string[] => (vendorShift === 0 ? [] : [`vendors shifted by ${vendorShift}`]);

/** Changed whenever the same arguments draw other images. */
const DRAWN = 2;

/** Which images are encoded: features are cached under both. */
export interface ImagesIdentity {
  /** Two words, such as 'train scenes', for progress and for the name of the file. */
  readonly name: string;
  /** Everything that the images of this name depend on, as values for JSON. */
  readonly what: readonly unknown[];
}

/** Encodes images with a frozen encoder, once where the encoder has a fingerprint: the features are then kept on disk. */
export async function encodeImages(
  images: ImageList,
  { name, what }: ImagesIdentity,
  { vision, fingerprint, reporter, signal }: EncodeDataOptions,
): Promise<FeatureStore> {
  const how = {
    processor: vision.processor,
    onProgress: (done: number, total: number) => reporter.progress(`encoding ${name}`, done, total),
    ...(signal ? { signal } : {}),
  };
  if (fingerprint === undefined) return encodeAll(vision, images, how);
  const key = await cacheKey(DRAWN, fingerprint, name, ...what);
  const folder = join(defaultCacheDir(), 'features');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name.replace(' ', '-')}-${key.slice(0, 16)}.f16`);
  return encodeToFile(vision, images, { path, key, ...how });
}

function sizeOf({ processor }: VisionModel): number {
  const { size } = processor;
  if (size && 'width' in size && size.width === size.height) return size.width;
  throw new Error('Emoji are drawn in the square size that the encoder wants, and its processor names none.');
}
