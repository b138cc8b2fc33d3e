import { readFile } from 'node:fs/promises';
import { decodeImage } from '@blip2/data';
import { fixture } from '@blip2/testing';
import { mutateBytes } from '../mutate/bytes.js';
import { type Target, Unsound } from '../target.js';

const MAX_PIXELS = 1_000_000;
const OWN = /^(gif|bmp|jpeg-(stray|scan|progressive|420|exif)|tiff-(ycbcr|rgb|orientation|bilevel)|png-imagemagick)/;

/** Image files of the formats that are decoded, repaired or parsed here before libvips reads them. */
export const image: Target = {
  name: 'image',

  async seeds() {
    const entries: Record<string, { file: string }> = JSON.parse(await readFile(fixture('images/pillow.json'), 'utf8'));
    const names = Object.keys(entries).filter((name) => OWN.test(name));
    return names.map((name) => new Uint8Array(Buffer.from(entries[name]!.file, 'base64')));
  },

  mutate: (input, random, other) => mutateBytes(input, random, { other }),

  async run(input) {
    const { width, height, data } = await decodeImage(input, { maxPixels: MAX_PIXELS });
    if (width * height > MAX_PIXELS) throw new Unsound(`${width} x ${height} pixels, more than the limit`);
    if (data.length !== width * height * 3) throw new Unsound(`${data.length} bytes for ${width} x ${height} pixels`);
  },
};
