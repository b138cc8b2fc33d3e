import { inFolder } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import { decodeItem } from './decode.js';
import { openDataset } from './open.js';
import { drawImage, lines, readAll, writeFiles } from './test-support/files.js';

test('images are decoded, and those that do not decode are reported', () =>
  inFolder(async (root) => {
    const whole = await drawImage('whole.png', 3);
    await writeFiles(root, {
      'whole.png': whole,
      'cut.png': whole.subarray(0, whole.length - 30),
      'text.jpg': '<html>404</html>',
      'large.jpg': null,
      'metadata.jsonl': lines(
        ...['whole.png', 'cut.png', 'text.jpg', 'large.jpg'].map((file_name) => ({ file_name, text: 'x' })),
      ),
    });
    const { items } = await readAll(await openDataset(root));
    const skipped: string[] = [];
    const onSkip = ({ id, reason }: { id: string; reason: string }) => skipped.push(`${id}: ${reason}`);
    const images = [];
    for (const item of items) {
      images.push(await decodeItem(item, { onSkip, ...(item.id === 'large.jpg' && { maxPixels: 100 }) }));
    }
    expect(images.map((image) => image && [image.width, image.height])).toEqual([
      [24, 16],
      undefined,
      undefined,
      undefined,
    ]);
    expect(skipped).toEqual([
      expect.stringMatching(/^cut\.png: the image .+\.$/),
      expect.stringMatching(/^text\.jpg: the image .+\.$/),
      expect.stringMatching(/^large\.jpg: the image has 24 x 16 pixels, more than the limit of 100/),
    ]);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(decodeItem(items[0]!, { signal, onSkip })).rejects.toThrow('enough');
    expect(skipped.length).toBe(3);
  }));
