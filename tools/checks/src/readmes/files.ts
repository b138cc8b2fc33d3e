import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { root } from '../workspace.js';

const fixtures = join(root, 'tools/testing/fixtures');
const starter = join(root, 'packages/starter/models');

/** Folders of models by the names that READMEs use, and what stands for each: small, of the same architecture. */
const models: Readonly<Record<string, string>> = {
  'models/blip2': join(fixtures, 'hf-opt'),
  'models/blip2-opt': join(fixtures, 'hf-opt'),
  'models/blip2-t5': join(fixtures, 'hf-t5'),
  'models/blip2-itm': join(fixtures, 'hf-itm'),
  'models/instructblip': join(fixtures, 'hf-instruct'),
  'models/clip': join(fixtures, 'encoders/clip'),
  'models/dinov2': join(fixtures, 'encoders/dinov2'),
  'models/siglip': join(fixtures, 'encoders/siglip'),
  'models/vit': join(fixtures, 'encoders/vit'),
  'models/vision': join(starter, 'vision'),
  'models/opt-125m': join(starter, 'language'),
  'models/bert': join(starter, 'bert'),
  'runs/demo': join(fixtures, 'hf-opt'),
};

/** Names on the Hugging Face hub that READMEs use, and what the local hub serves for each. */
export const repositories: Readonly<Record<string, string>> = {
  'Salesforce/blip2-opt-2.7b': join(fixtures, 'hf-opt'),
  'Salesforce/blip2-itm-vit-g': join(fixtures, 'hf-itm'),
  'Salesforce/blip2-flan-t5-xl': join(fixtures, 'hf-t5'),
  'Salesforce/instructblip-flan-t5-xl': join(fixtures, 'hf-instruct'),
  'openai/clip-vit-base-patch32': join(fixtures, 'encoders/clip'),
  'facebook/dinov2-base': join(fixtures, 'encoders/dinov2'),
  'facebook/opt-125m': join(starter, 'language'),
  'bert-base-uncased': join(starter, 'bert'),
};

const single = ['cat.jpg', 'dog.jpg', 'apple.png', 'pear.png'];
const images = [
  ...single,
  ...single.map((name) => `photos/${name}`),
  ...Array.from({ length: 20 }, (_, i) => `images/${i}.png`),
];

/** Writes what the examples of READMEs read: images, each of another color, and folders of models. */
export async function writeFiles(folder: string): Promise<void> {
  for (const [name, from] of Object.entries(models)) {
    cpSync(from, join(folder, name), { recursive: true, filter: (path) => !path.includes('golden') });
  }
  for (const parent of ['photos', 'images']) mkdirSync(join(folder, parent), { recursive: true });
  for (const [i, name] of images.entries()) await sharp(drawing(i)).toFile(join(folder, name));
}

/** An ellipse on a background, of 160 by 120 pixels, as SVG. */
function drawing(i: number): Buffer {
  const [color, background] = [(i * 67) % 360, (i * 67 + 150) % 360].map((hue) => `hsl(${hue}, 70%, 50%)`);
  const [x, y] = [40 + ((i * 23) % 80), 30 + ((i * 17) % 60)];
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="160" height="120"><rect width="160" height="120" fill="${background}"/><ellipse cx="${x}" cy="${y}" rx="36" ry="28" fill="${color}"/></svg>`,
  );
}
