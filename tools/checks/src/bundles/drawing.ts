import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import sharp from 'sharp';
import { root } from '../workspace.js';

/** Writes Noto's drawing of an emoji on white, as a PNG that the starter model can name. */
export async function drawEmoji(name: string, file: string): Promise<void> {
  const require = createRequire(join(root, 'packages/emoji/package.json'));
  const { icons } = JSON.parse(readFileSync(require.resolve('@iconify-json/noto/icons.json'), 'utf8')) as {
    icons: Record<string, { body: string }>;
  };
  const icon = icons[name];
  if (!icon) throw new Error(`Noto has no drawing '${name}'.`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256" viewBox="0 0 128 128">${icon.body}</svg>`;
  await sharp(Buffer.from(svg)).flatten({ background: 'white' }).png().toFile(file);
}
