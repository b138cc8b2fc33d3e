import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ImageTextDataset, ImageTextItem, ItemsOptions, SkippedItem } from '@blip2/data';
import sharp from 'sharp';

const drawn = new Map<string, Uint8Array>();

/** An image file of 24 by 16 pixels, of a color and of the format that the name ends with. */
export async function drawImage(name: string, hue = name.length): Promise<Uint8Array> {
  const png = /\.png$/i.test(name);
  const key = `${hue} ${png}`;
  const known = drawn.get(key);
  if (known) return known;
  const image = sharp({
    create: { width: 24, height: 16, channels: 3, background: `hsl(${(hue * 47) % 360}, 70%, 50%)` },
  });
  const bytes = new Uint8Array(await (png ? image.png() : image.jpeg()).toBuffer());
  drawn.set(key, bytes);
  return bytes;
}

/** Writes files by their paths: texts, bytes, values as JSON, and an image for `null`. */
export async function writeFiles(root: string, files: Readonly<Record<string, unknown>>): Promise<string> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    const bytes = content === null ? await drawImage(name) : content;
    const isRaw = typeof bytes === 'string' || bytes instanceof Uint8Array;
    await writeFile(path, isRaw ? bytes : JSON.stringify(bytes));
  }
  return root;
}

/** JSON lines. */
export const lines = (...rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** All items of a data set, and what was skipped. */
export async function readAll(
  data: ImageTextDataset,
  options: ItemsOptions = {},
): Promise<{ items: ImageTextItem[]; ids: string[]; skipped: Record<string, string> }> {
  const items: ImageTextItem[] = [];
  const skipped: Record<string, string> = {};
  const onSkip = ({ id, reason }: SkippedItem): void => {
    skipped[id] = skipped[id] === undefined ? reason : `${skipped[id]}; ${reason}`;
  };
  for await (const item of data.items({ onSkip, ...options })) items.push(item);
  return { items, ids: items.map(({ id }) => id), skipped };
}

/** The captions of items by their ids. */
export const captionsOf = (items: readonly ImageTextItem[]): Record<string, readonly string[]> =>
  Object.fromEntries(items.map(({ id, captions }) => [id, captions]));
