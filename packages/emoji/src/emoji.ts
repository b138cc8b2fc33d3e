import type { Dataset, DecodedImage } from '@blip2/data';
import { type DrawingsOptions, renderDrawings } from './drawings.js';
import { type Emoji, loadEmoji } from './entries.js';
import { type Split, splits, type Vendor } from './vendors.js';

/** One drawing and its name. */
export interface EmojiItem {
  readonly image: DecodedImage;
  readonly label: string;
  readonly code: string;
  readonly vendor: Vendor;
}

export interface EmojiDataset extends Dataset<EmojiItem> {
  readonly split: Split;
  /** Without the image: reads nothing. */
  get(index: number): EmojiItem;
  metadata(index: number): Omit<EmojiItem, 'image'>;
  close(): void;
}

export type EmojiOptions = Omit<DrawingsOptions, 'vendors' | 'channels'> & {
  /** Which emoji; default all that five vendors have drawn. */
  readonly entries?: readonly Emoji[];
};

/**
 * Emoji on white with their labels. `train` holds each emoji four times (OpenMoji, Twemoji and both Fluents), `test` once,
 * drawn by Noto, which `train` never gives. Item `i` is emoji `i mod n` by vendor `i div n`.
 */
export async function emojiDataset(split: Split, options: EmojiOptions): Promise<EmojiDataset> {
  const entries = options.entries ?? loadEmoji();
  const vendors = splits[split];
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
