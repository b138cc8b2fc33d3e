import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { applyProcessor, decodeImage, readProcessor, toPixels } from '@blip2/data';
import { fixture, inFolder, json } from '@blip2/testing';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { fromPretrained } from '../blip2.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const rocket = fixture('photos/rocket.jpg');

test.each([{ height: 84, width: 84 }, { height: 28, width: 70 }, { shortest_edge: 42 }])(
  'a processor of size %j, not that of the model, gives images of its size, and positions are interpolated',
  async (size) => {
    await inFolder(async (folder) => {
      await cp(fixture('hf-itm'), folder, { recursive: true });
      const file = await json<{ image_processor: object }>(join(folder, 'processor_config.json'));
      const changed = { ...file, image_processor: { ...file.image_processor, size } };
      await writeFile(join(folder, 'processor_config.json'), JSON.stringify(changed));
      const processor = await readProcessor(folder);
      const image = applyProcessor(await decodeImage(rocket), processor);
      using model = await fromPretrained(folder);
      using encoded = await model.encodeImage(rocket);
      const patches = Math.floor(image.height / 14) * Math.floor(image.width / 14);
      expect(encoded.features.shape[1]).toBe(1 + patches);
      const pixels = toPixels([image], processor);
      const direct = await encoded.vision.encode(pixels);
      expect(await encoded.features.data()).toEqual(await direct.data());
      tf.dispose([pixels, direct]);
      const [match] = await model.match(rocket, ['a rocket']);
      expect(match!.itm).toBeGreaterThan(0);
    });
  },
);
