import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecodedImage } from '@blip2/data';
import { expectClose, expectNoLeak } from '@blip2/testing';
import type { VisionEncoder } from '@blip2/vision';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { encodeAll, encodeToFile } from './feature-store.js';

const processor = {
  size: { width: 4, height: 4 },
  filter: 'bicubic',
  mean: [0, 0, 0],
  std: [1, 1, 1],
  rescale: 1 / 255,
} as const;
const images = {
  length: 5,
  item: (index: number): DecodedImage => ({
    width: 4,
    height: 4,
    data: Uint8Array.from({ length: 48 }, (_, i) => (40 * index + i) % 256),
  }),
};
const average = (x: tf.Tensor4D): tf.Tensor3D => tf.reshape(tf.avgPool(x, 2, 2, 'valid'), [x.shape[0], -1, 3]);
const encoders: Record<string, VisionEncoder['encode']> = {
  synchronous: average,
  asynchronous: async (pixels) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return tf.tidy(() => average(pixels)); // the pixels are still there
  },
};

test.each(Object.entries(encoders))('of a(n) %s encoder the features are awaited and kept', async (_, encode) => {
  const folder = await mkdtemp(join(tmpdir(), 'features-'));
  let calls = 0;
  const encoder: VisionEncoder = {
    width: 3,
    encode: (pixels) => {
      calls++;
      return encode(pixels);
    },
  };
  try {
    await expectNoLeak(async () => {
      const inMemory = await encodeAll(encoder, images, { processor, batchSize: 2 });
      expect([inMemory.length, calls]).toEqual([5, 3]);
      const features = await inMemory.gather([4, 0]);
      expect(features.shape).toEqual([2, 4, 3]);
      const first = tf.tidy(() => average(tf.tensor4d(images.item(0).data.map(Number), [1, 4, 4, 3]).div(255)));
      tf.tidy(() => expectClose(tf.slice(features, [1, 0, 0], [1, -1, -1]), first, 1e-3));
      await expect(inMemory.gather([5])).rejects.toThrow('no image 5 among 5');

      const file = { path: join(folder, 'features'), key: 'one' };
      const onDisk = await encodeToFile(encoder, images, { processor, batchSize: 2, ...file });
      const again = await encodeToFile(encoder, images, { processor, batchSize: 2, ...file });
      expect(calls).toBe(6); // a file of this key is not encoded again
      for (const store of [onDisk, again]) {
        const same = await store.gather([4, 0]);
        expectClose(same, features, 0);
        same.dispose();
        await store.close();
      }
      tf.dispose([features, first]);
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('an encoder that fails leaves nothing behind', async () => {
  const failing: VisionEncoder = { width: 3, encode: async () => Promise.reject(new Error('out of order')) };
  await expectNoLeak(() => expect(encodeAll(failing, images, { processor })).rejects.toThrow('out of order'));
});
