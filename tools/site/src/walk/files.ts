import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadEmoji, renderSvg } from '@blip2/emoji';
import { drawShapes, writeShapes } from '@blip2/test-models';
import sharp from 'sharp';

/** Drawings that the starter model knows, by their vendor's names. */
const labels = [
  'cat face',
  'red apple',
  'key',
  'pizza',
  'octopus',
  'umbrella',
  'guitar',
  'snail',
  'sunflower',
  'rocket',
];

const SIDE = 224;

/** Files of a visitor. */
export interface WalkFiles {
  /** PNG files of single drawings. */
  readonly drawings: readonly string[];
  /** A folder of images of shapes, with their captions in `captions.jsonl`. */
  readonly captioned: string;
}

/** Writes the files of a visitor: drawings of emoji by a vendor that the model has not seen, and captioned images to train on. */
export async function writeFiles(
  folder: string,
  { captioned: count }: { readonly captioned: number },
): Promise<WalkFiles> {
  const all = loadEmoji();
  const drawings: string[] = [];
  await mkdir(join(folder, 'drawings'), { recursive: true });
  for (const label of labels) {
    const emoji = all.find((one) => one.label === label);
    if (!emoji) throw new Error(`There is no emoji '${label}'.`);
    const channels = drawings.length % 2 === 0 ? 3 : 4; // every other one is transparent
    const data = await renderSvg(emoji, 'noto', SIDE, { channels });
    const path = join(folder, 'drawings', `${label.replaceAll(' ', '-')}.png`);
    await sharp(data, { raw: { width: SIDE, height: SIDE, channels } })
      .png()
      .toFile(path);
    drawings.push(path);
  }
  const captioned = join(folder, 'shapes');
  await mkdir(captioned, { recursive: true });
  await writeShapes(captioned, 'jsonl', await drawShapes(count));
  return { drawings, captioned };
}
