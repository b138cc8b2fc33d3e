import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { flatten, initialize, specLeaves, type Tree } from '@blip2/tensor';
import type { TensorEntry } from '@blip2/tensor/safetensors';
import { altered } from '@blip2/test-models';
import { expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { readVisionConfig, visionSpec } from '@blip2/vision';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { fromPretrained } from '../blip2.js';
import { openVisionFolder } from './frozen.js';
import { inspectModel } from './inspect.js';

// A model whose image encoder is no transformer is a folder like any other.

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

/** As wide as the fixture's encoder. */
const vision = { model_type: 'efficientnet_lite', width_coefficient: 0.1, image_size: 56 };
const config = readVisionConfig(vision);

/** The fixture with such an encoder of random weights in the place of its own. */
async function withConvnet(folder: string): Promise<void> {
  const own = flatten(initialize(visionSpec(config), 1) as Tree);
  const entries = Object.entries(own).map(
    ([name, tensor]): TensorEntry => ({
      name: `vision_model.${name}`,
      shape: tensor.shape,
      dtype: 'F32',
      data: tensor.dataSync() as Float32Array,
    }),
  );
  const others = (name: string): boolean =>
    !name.startsWith('vision_model.') || name.startsWith('vision_model.post_layernorm.');
  await altered('hf-itm', folder, (all) => [...all.filter(({ name }) => others(name)), ...entries]);
  tf.dispose(Object.values(own));
  const whole = await json<Record<string, unknown>>(join(folder, 'config.json'));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...whole, vision_config: vision }));
}

test('an EfficientNet-Lite as image encoder: loaded, used, inspected and found again', async () => {
  const image = fixture('photos/chelsea.png');
  await expectNoLeak(() =>
    inFolder(async (folder) => {
      await withConvnet(folder);
      using model = await fromPretrained(folder);
      const [score] = await model.match(image, ['a cat']);
      expect(Number.isFinite(score?.itm)).toBe(true);
      expect(await inspectModel(folder)).toMatchObject([{ missing: [], unused: [], misshaped: [] }]);

      const { source, prefix, owns, json: saved } = await openVisionFolder(folder);
      expect(saved).toMatchObject(vision);
      expect([...source.names.keys()].filter(owns)).toHaveLength(specLeaves(visionSpec(config)).length);
      expect(prefix).toBe('vision_model.');
      await source.close();
    }),
  );
});
