import type { DecodedImage } from '@blip2/data';
import { type EncodeDataOptions, encodeImages, type TrainingImages } from '@blip2/demo';
import { cropSprite, type Emoji, loadNouns, renderScene, type Sprites, scene, singleDataset } from '@blip2/emoji';
import { hash, rng } from '@blip2/tensor';
import { augment } from '../augment.js';
import { type DrawingsFile, openDrawings } from '../drawings-file.js';
import { SIZE } from '../encoder/places.js';
import { onWhite } from '../encoder/retrieval.js';
import { drawingsByEmoji, SETS } from './drawings-by-emoji.js';

/** Options of `allVendorsImages`. */
export interface AllVendorsOptions extends EncodeDataOptions {
  /** The folder of rendered drawings. */
  readonly work: string;
  /** Change drawings at random, in scenes and in single drawings (see `augment`). */
  readonly augmented: boolean;
  /** With `augmented`, how many augmented images each drawing of an emoji on white has, beside the plain one. Default 2. */
  readonly augmentedViews?: number;
  /** Random seed of the augmentation of drawings on white. Default 0. */
  readonly seed?: number;
  /** Which emoji can be drawn. Default: all of `loadEmoji`. */
  readonly entries?: readonly Emoji[];
}

/** Images for training by all vendors. */
export interface AllVendorsImages extends TrainingImages {
  /** Closes the file of drawings; nothing can be drawn afterwards. */
  close(): void;
}

/** Drawings of an emoji on white and in each variant of single drawings: about as many as an emoji has on average. */
export const ROUNDS = 5;
/** Changed whenever the same arguments draw other images. */
const DRAWN = 1;

/**
 * Draws and encodes the images of the training split by all colored sets of the encoder's training (`SETS`), of which an emoji
 * has four to eight drawings, instead of four. Neither Noto nor Firefox OS is among them.
 */
export async function allVendorsImages({
  work,
  augmented,
  augmentedViews = 2,
  seed: augmentSeed = 0,
  entries: drawable,
  ...options
}: AllVendorsOptions): Promise<AllVendorsImages> {
  const { drawings, places } = drawingsByEmoji(drawable);
  const file = await openDrawings(work, drawings);
  const identity = [DRAWN, SETS, augmented];
  const draw = drawer(file, { places, augmented });
  return {
    async emoji(entries) {
      const place = (index: number) => {
        const entry = entries[index % entries.length]!;
        const own = places.get(entry.code)!;
        return { entry, drawing: own[Math.floor(index / entries.length) % own.length]! };
      };
      const plain = entries.length * ROUNDS;
      const image = (index: number): DecodedImage => {
        const drawing = file.read(place(index).drawing);
        const drawn = index < plain ? drawing : augment(drawing, SIZE, rng(hash(augmentSeed, `emoji ${index}`)));
        return { width: SIZE, height: SIZE, data: onWhite(drawn) };
      };
      const what = [...identity, entries.map(({ code }) => code), ...(augmented ? [augmentedViews, augmentSeed] : [])];
      const features = await encodeImages(
        { length: plain * (augmented ? 1 + augmentedViews : 1), item: image },
        { name: 'all-vendors emoji', what },
        options,
      );
      const metadata = (index: number) => ({ ...place(index).entry, vendor: 'openmoji' as const });
      return { features, metadata, image, close: () => features.close() };
    },
    async scenes({ count, seed, nouns = loadNouns(), vendorShift = 0 }) {
      const metadata = (index: number) => scene(index, { seed, split: 'train', nouns });
      const image = (index: number): DecodedImage =>
        renderScene(metadata(index), draw(hash(seed, `scene ${index}`), vendorShift), SIZE);
      const what = [...identity, count, seed, nouns.map(({ one }) => one), vendorShift];
      const features = await encodeImages(
        { length: count, item: image },
        { name: 'all-vendors scenes', what },
        options,
      );
      return { features, metadata, image, close: () => features.close() };
    },
    async singles({ variants, seed, nouns = loadNouns(), vendorShift = 0 }) {
      // the vendor that the data set names is not looked at: each image draws its own
      let sprites: Sprites | undefined;
      const all = await singleDataset({
        size: SIZE,
        vendors: ['openmoji'],
        variants: variants * ROUNDS,
        seed,
        nouns,
        sprites: (...of) => sprites!(...of),
      });
      const image = (index: number): DecodedImage => {
        sprites = draw(hash(seed, `single ${index}`), vendorShift);
        return all.get(index).image;
      };
      const what = [...identity, variants, seed, nouns.map(({ one }) => one), vendorShift];
      const features = await encodeImages(
        { length: all.length, item: image },
        { name: 'all-vendors drawings', what },
        options,
      );
      return { features, metadata: (index) => all.metadata(index), image, close: () => features.close() };
    },
    close: () => file.close(),
  };
}

/** The share of the images whose drawings are changed. */
const AUGMENTED = 0.75;

/** Draws the kinds of an image, each by a vendor that depends on the image's seed and shifted by `vendorShift`. */
const drawer =
  (
    file: DrawingsFile,
    { places, augmented }: { readonly places: ReadonlyMap<string, readonly number[]>; readonly augmented: boolean },
  ) =>
  (seed: number, vendorShift: number): Sprites => {
    const changes = augmented && rng(hash(seed, 'augmented'))() < AUGMENTED;
    const drawn = new Map<string, Uint8Array>();
    const drawing = (code: string): Uint8Array => {
      const own = places.get(code)!;
      const plain = file.read(own[(hash(seed, code) + vendorShift) % own.length]!);
      return changes ? augment(plain, SIZE, rng(hash(seed, `${code} shifted by ${vendorShift}`))) : plain;
    };
    return ({ code }, _vendor, pixels) => {
      const known = drawn.get(code) ?? drawing(code);
      drawn.set(code, known);
      return cropSprite(known, SIZE, pixels);
    };
  };
