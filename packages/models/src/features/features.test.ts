import { join } from 'node:path';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { expectClose, expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { type Blip2, fromPretrained } from '../blip2.js';
import { writeFeatures } from './write.js';

let [retrievalModel, generationModel]: Blip2[] = [];
const photo = fixture('photos/rocket.jpg');

beforeAll(async () => {
  await tf.setBackend('cpu');
  [retrievalModel, generationModel] = [
    await fromPretrained(fixture('hf-itm')),
    await fromPretrained(fixture('hf-opt')),
  ];
});
afterAll(() => {
  retrievalModel?.dispose();
  generationModel?.dispose();
});

/** The second of a batch in a golden file. */
async function golden(folder: string, name: string) {
  const source = await openSafetensors(fixture(`${folder}/golden.safetensors`));
  const [, ...shape] = source.names.get(name)!.shape;
  const values = await source.read(name);
  await source.close();
  return { shape, values: values.subarray(values.length / 2) };
}

test('features of each kind are those of transformers', async () => {
  const { texts } = await json<{ texts: string[] }>(fixture('hf-itm/golden.json'));
  const text = texts[1]!;
  await inFolder(async (folder) => {
    const out = join(folder, 'features.safetensors');
    const written = async (model: Blip2, inputs: object, options = {}) => {
      const reported: object[] = [];
      await expectNoLeak(() =>
        writeFeatures(model, inputs, { out, onInput: (input) => reported.push(input), ...options }),
      );
      const source = await openSafetensors(out);
      const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
      for (const [name, { shape }] of source.names) tensors.set(name, { shape, values: await source.read(name) });
      await source.close();
      return { reported, tensors };
    };
    const expectGolden = async (
      tensor: ReturnType<Map<string, never>['get']> | object | undefined,
      from: [string, string],
    ) => {
      const { shape, values } = tensor as { shape: number[]; values: Float32Array };
      const wanted = await golden(...from);
      expect(shape).toEqual(wanted.shape);
      expectClose(values, wanted.values, 1e-5);
    };

    const image = await written(retrievalModel!, { images: [photo, photo] });
    expect(image.reported).toEqual([{ input: photo, shape: [5, 24] }]);
    expect([...image.tensors.keys()]).toEqual([`${photo}.image_embeds`, `${photo}.image_embeds_proj`]);
    await expectGolden(image.tensors.get(`${photo}.image_embeds_proj`), ['hf-itm', 'image_embeds']);

    const vision = await written(retrievalModel!, { images: [photo] }, { kind: 'vision' });
    await expectGolden(vision.tensors.get(`${photo}.last_hidden_state`), ['hf-itm', 'vision.last_hidden_state']);

    const words = await written(retrievalModel!, { texts: [text] });
    const { shape, values } = words.tensors.get(`${text}.text_embeds_proj`)!;
    expectClose(values.subarray(0, shape[1]), (await golden('hf-itm', 'text_embeds')).values, 1e-5);
    expect(words.reported).toEqual([{ input: text, shape: [shape[0], 24] }]);

    const both = await written(retrievalModel!, { images: [photo], texts });
    expect(both.reported).toEqual(texts.map((text) => ({ input: `${photo}: ${text}`, shape: [5, 24] })));

    const generations = await written(generationModel!, { images: [photo] });
    await expectGolden(generations.tensors.get(`${photo}.image_embeds`), ['hf-opt', 'qformer.last_hidden_state']);
    await expectGolden(generations.tensors.get(`${photo}.soft_prompt`), ['hf-opt', 'language_projection']);
  });
});

test('inputs that do not fit the kind, or each other, are reported', async () => {
  const out = 'nowhere.safetensors';
  const write = (inputs: object, kind?: 'image' | 'multimodal') =>
    writeFeatures(retrievalModel!, inputs, { out, kind });
  await expect(write({ texts: ['a'] }, 'image')).rejects.toThrow("'image' need images alone; 0 images and 1 texts");
  await expect(write({ images: ['a', 'b', 'c'], texts: ['a', 'b'] })).rejects.toThrow('not 3 images and 2 texts');
  await expect(write({})).rejects.toThrow('0 images and 0 texts');
  await expect(writeFeatures(generationModel!, { texts: ['a'] }, { out })).rejects.toThrow('has no matching heads');
});
