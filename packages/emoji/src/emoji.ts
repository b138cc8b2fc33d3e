import { type DrawingsOptions, renderAll } from './drawings.js';
import { type Emoji, loadEmoji } from './entries.js';
import { type Split, type Studio, splits } from './studios.js';
import type { Dataset, Picture } from './types.js';

/** One drawing and its name. */
export interface EmojiItem {
  readonly picture: Picture;
  readonly label: string;
  readonly code: string;
  readonly studio: Studio;
}

export interface EmojiDataset extends Dataset<EmojiItem> {
  readonly split: Split;
  /** Without the picture: reads nothing. */
  about(index: number): Omit<EmojiItem, 'picture'>;
  close(): void;
}

export type EmojiOptions = Omit<DrawingsOptions, 'studios' | 'channels'> & {
  /** Which emoji; default all that five studios have drawn. */
  readonly entries?: readonly Emoji[];
};

/**
 * Emoji on white with their labels. `train` holds each emoji four times (OpenMoji, Twemoji and both Fluents), `test` once,
 * drawn by Noto, which `train` never gives. Item `i` is emoji `i mod n` by studio `i div n`.
 */
export async function emojiDataset(split: Split, options: EmojiOptions): Promise<EmojiDataset> {
  const entries = options.entries ?? loadEmoji();
  const studios = splits[split];
  const drawings = await renderAll(entries, { ...options, studios, channels: 3 });
  const locate = (index: number) => {
    const studio = studios[Math.floor(index / entries.length)];
    const entry = entries[index % entries.length];
    if (!studio || !entry) throw new RangeError(`Emoji ${index} of ${split} does not exist: there are ${length}.`);
    return { studio, entry };
  };
  const length = entries.length * studios.length;
  const about = (index: number) => {
    const { studio, entry } = locate(index);
    return { label: entry.label, code: entry.code, studio };
  };
  const item = (index: number): EmojiItem => {
    const { studio } = locate(index);
    const data = drawings.get(studio)!.read(index % entries.length);
    return { picture: { width: options.size, height: options.size, data }, ...about(index) };
  };
  return { split, length, item, about, close: () => drawings.forEach((d) => void d.close()) };
}
