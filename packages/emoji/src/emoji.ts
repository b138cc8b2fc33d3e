import type { Dataset, DecodedImage } from '@blip2/data';
import { type DrawingsOptions, renderDrawings } from './drawings.js';
import { type Emoji, loadEmoji } from './entries.js';
import { type Split, splits, type Vendor } from './vendors.js';

/** A drawing of an emoji with its label. */
export interface EmojiItem {
  /** The drawing on white. */
  readonly image: DecodedImage;
  /** English name, such as 'red apple'. */
  readonly label: string;
  /** Code points; see {@link Emoji.code}. */
  readonly code: string;
  /** Vendor of the drawing. */
  readonly vendor: Vendor;
}

/** Drawings of emoji with their labels; see {@link emojiDataset}. */
export interface EmojiDataset extends Dataset<EmojiItem> {
  readonly split: Split;
  /** Returns an item. @throws RangeError for an index outside the data set */
  /** Returns an item with its image. */
  get(index: number): EmojiItem;
  /** Returns an item without its image, without reading the drawing. */
  metadata(index: number): Omit<EmojiItem, 'image'>;
  /** Closes the files of drawings. */
  close(): void;
}

/** Options of {@link emojiDataset}. */
export type EmojiOptions = Omit<DrawingsOptions, 'channels'> & {
  /** Whose drawings are shown. Default: the split's. */
  readonly vendors?: readonly Vendor[];
  /** Emoji to include. Default: {@link loadEmoji}, all that five vendors have drawn. */
  readonly entries?: readonly Emoji[];
};

/**
 * Creates a data set of emoji on white with their labels. `train` contains each emoji four times (OpenMoji, Twemoji,
 * Fluent and Fluent Flat), `test` once, drawn by Noto, which `train` never contains. Item `i` is emoji `i mod n` by
 * vendor `i div n`.
 */
export async function emojiDataset(split: Split, options: EmojiOptions): Promise<EmojiDataset> {
  const entries = options.entries ?? loadEmoji();
  const vendors = options.vendors ?? splits[split];
  const drawings = await renderDrawings(entries, { ...options, vendors, channels: 3 });
  const locate = (index: number) => {
    const vendor = vendors[Math.floor(index / entries.length)];
    const entry = entries[index % entries.length];
    if (!vendor || !entry) throw new RangeError(`Emoji ${index} of ${split} does not exist: there are ${length}.`);
    return { vendor, entry };
  };
  const length = entries.length * vendors.length;
  const metadata = (index: number) => {
    const { vendor, entry } = locate(index);
    return { label: entry.label, code: entry.code, vendor };
  };
  const get = (index: number): EmojiItem => {
    const { vendor } = locate(index);
    const data = drawings.get(vendor)!.read(index % entries.length);
    return { image: { width: options.size, height: options.size, data }, ...metadata(index) };
  };
  return { split, length, get, metadata, close: () => drawings.forEach((d) => void d.close()) };
}
