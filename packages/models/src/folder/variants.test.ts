import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSafetensors, type TensorData, type TensorEntry, writeShardedSafetensors } from '@blip2/tensor/safetensors';
import { altered } from '@blip2/test-models';
import { expectClose, expectNoLeak, fixture, inFolder, json } from '@blip2/testing';
import { normFeatures } from '@blip2/training';
import { encodePixels, resizePositions } from '@blip2/vision';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { fromPretrained } from '../blip2.js';
import { loadFolder } from './load.js';

// Folders as other releases wrote them: the same model, so the same ids and scores as in the reference.

type Json = Record<string, unknown>;
type Edit = (folder: string) => Promise<unknown>;
type Change = (entries: TensorEntry[]) => TensorEntry[];

beforeAll(() => tf.setBackend('cpu').then(() => undefined));

const { cases } = await json<{ cases: { image: string; prompt: string; input_ids: number[]; greedy: number[] }[] }>(
  fixture('hf-opt/golden.json'),
);
const asked = cases[2]!;
const judged = await json<{ images: string[]; texts: string[]; itm_probability: number[]; itc: number[][] }>(
  fixture('hf-itm/golden.json'),
);

async function greedy(folder: string): Promise<number[]> {
  using model = await fromPretrained(folder);
  const { image, prompt } = asked;
  const { tokens } = await model.caption(fixture(`photos/${image}`), { prompt, beams: 1, maxNewTokens: 12 });
  return tokens;
}

const expectSameIds = async (folder: string): Promise<void> =>
  expect(await greedy(folder)).toEqual(asked.greedy.slice(asked.input_ids.length));

async function expectSameScores(folder: string): Promise<void> {
  using model = await fromPretrained(folder);
  const [{ itm, itc }] = (await model.match(fixture(`photos/${judged.images[0]}`), [judged.texts[0]!])) as [
    { itm: number; itc: number },
  ];
  expect(itm).toBeCloseTo(judged.itm_probability[0]!, 5);
  expect(itc).toBeCloseTo(judged.itc[0]![0]!, 5);
}

const variant = (name: 'hf-opt' | 'hf-itm', change: Change, edit: Edit = async () => {}) =>
  expectNoLeak(() =>
    inFolder(async (folder) => {
      await altered(name, folder, change);
      await edit(folder);
      await (name === 'hf-opt' ? expectSameIds(folder) : expectSameScores(folder));
    }),
  );

const same: Change = (entries) => entries;
const valuesOf = async ({ data }: TensorEntry): Promise<Float32Array> =>
  (typeof data === 'function' ? await data() : data) as Float32Array;

const edited =
  (file: string, edit: (content: Json) => Json): Edit =>
  async (folder) =>
    writeFile(join(folder, file), JSON.stringify(edit(await json<Json>(join(folder, file)))));

/** An object without what has the value that an absent key stands for. */
const without = (content: unknown, defaults: Json): Json =>
  Object.fromEntries(Object.entries(content as Json).filter(([key, value]) => value !== defaults[key]));

test('weights in shards', async () => {
  await expectNoLeak(() =>
    inFolder(async (folder) => {
      await altered('hf-opt', folder, same);
      const source = await openSafetensors(folder);
      const entries = [...source.names].map(
        ([name, { shape }]): TensorEntry => ({ name, shape, dtype: 'F32', data: () => source.read(name) }),
      );
      await writeShardedSafetensors(folder, entries, { maxShardBytes: 250_000 });
      await source.close();
      await rm(join(folder, 'model.safetensors'), { force: true });
      await expectSameIds(folder);
    }),
  );
});

test.each(['F16', 'BF16'] as const)('%s beside F32 says what the rounded values say', async (dtype) => {
  await inFolder(async (half) => {
    const narrow: Change = (entries) => entries.map((entry, i) => (i % 2 === 0 ? { ...entry, dtype } : entry));
    await altered('hf-opt', half, narrow);
    await inFolder(async (whole) => {
      const rounded = new Map<string, TensorData>();
      const source = await openSafetensors(half);
      for (const name of source.names.keys()) rounded.set(name, await source.read(name));
      await source.close();
      await altered('hf-opt', whole, (entries) =>
        entries.map((entry) => ({ ...entry, data: rounded.get(entry.name) as TensorData })),
      );
      expect(await greedy(half)).toEqual(await greedy(whole));
    });
  });
});

test('a table of words with more rows than the config says', async () => {
  const table = 'language_model.model.decoder.embed_tokens.weight';
  await variant('hf-opt', (entries) =>
    entries.map((entry) => {
      if (entry.name !== table) return entry;
      const [rows, width] = entry.shape as [number, number];
      const data = async () => Float32Array.from([...(await valuesOf(entry)), ...new Float32Array(7 * width)]);
      return { ...entry, shape: [rows + 7, width], data };
    }),
  );
});

test('biases of queries and values alone, as early uploads have them', async () => {
  await variant('hf-opt', (entries) =>
    entries.flatMap((entry) => {
      if (!entry.name.endsWith('qkv.bias')) return [entry];
      const size = entry.shape[0]! / 3;
      const third = (from: number) => async () => (await valuesOf(entry)).slice(from * size, (from + 1) * size);
      const stem = entry.name.slice(0, -'qkv.bias'.length);
      return [
        { ...entry, name: `${stem}q_bias`, shape: [size], data: third(0) },
        { ...entry, name: `${stem}v_bias`, shape: [size], data: third(2) },
      ];
    }),
  );
});

const buffers: Change = (entries) => [
  ...entries,
  { name: 'embeddings.position_ids', shape: [1, 2], dtype: 'I32', data: new Int32Array(2) },
];
test('buffers that older releases stored', () => variant('hf-itm', buffers));

test.each<[string, (config: Json) => Json]>([
  ['no id for the image token', ({ image_token_index: _, ...config }) => config],
  ['null for it', (config) => ({ ...config, image_token_index: null })],
  ['its newer name', ({ image_token_index: id, ...config }) => ({ ...config, image_token_id: id })],
  [
    'nothing that has its default',
    (config) => ({
      ...without(config, { initializer_factor: 1, use_decoder_only_language_model: true, image_text_hidden_size: 256 }),
      vision_config: without(config.vision_config, visionDefaults),
      qformer_config: without(config.qformer_config, qformerDefaults),
      text_config: without(config.text_config, textDefaults),
    }),
  ],
  [
    'keys of older releases, and null for what is not set',
    (config) => ({
      ...config,
      torch_dtype: 'float16',
      vision_config: {
        ...(config.vision_config as Json),
        num_channels: 3,
        dropout: 0,
        hidden_act: null,
        qkv_bias: null,
      },
      text_config: { ...(config.text_config as Json), prefix: '</s>', pad_token_id: null, sep_token_id: null },
    }),
  ],
])('a config.json with %s', async (_, edit) => {
  await variant('hf-opt', same, edited('config.json', edit));
  await variant('hf-itm', same, edited('config.json', edit));
});

const visionDefaults: Json = {
  model_type: 'blip_2_vision_model',
  hidden_act: 'gelu',
  layer_norm_eps: 1e-6,
  qkv_bias: true,
  patch_size: 14,
  attention_dropout: 0,
  initializer_range: 1e-10,
};
const qformerDefaults: Json = {
  model_type: 'blip_2_qformer',
  hidden_act: 'gelu',
  layer_norm_eps: 1e-12,
  cross_attention_frequency: 2,
  use_qformer_text_input: false,
  pad_token_id: 0,
  initializer_range: 0.02,
};
const textDefaults: Json = {
  model_type: 'opt',
  activation_function: 'relu',
  do_layer_norm_before: true,
  enable_bias: true,
  tie_word_embeddings: true,
  bos_token_id: 2,
  pad_token_id: 1,
  eos_token_id: 2,
  layer_norm_elementwise_affine: true,
  _remove_final_layer_norm: false,
};

const images = (content: Json): Json => content.image_processor as Json;

test.each<[string, Edit]>([
  [
    'preprocessor_config.json alone',
    async (folder) => {
      const old = join(folder, 'preprocessor_config.json');
      await rename(join(folder, 'processor_config.json'), old);
      await edited('preprocessor_config.json', (content) => ({
        ...images(content),
        processor_class: 'Blip2Processor',
      }))(folder);
    },
  ],
  [
    'preprocessor_config.json, and how many image tokens in processor_config.json',
    async (folder) => {
      const content = await json<Json>(join(folder, 'processor_config.json'));
      await writeFile(
        join(folder, 'preprocessor_config.json'),
        JSON.stringify({ ...images(content), image_processor_type: 'BlipImageProcessorFast', crop_size: null }),
      );
      const token = { content: '<image>', normalized: false, special: true };
      await writeFile(
        join(folder, 'processor_config.json'),
        JSON.stringify({ num_query_tokens: 5, image_token: token, processor_class: 'Blip2Processor' }),
      );
    },
  ],
  [
    'a size that is one number',
    edited('processor_config.json', (content) => ({
      ...content,
      image_processor: { ...images(content), size: 56, image_processor_type: 'BlipFeatureExtractor' },
    })),
  ],
  [
    'no processor but the size',
    edited('processor_config.json', () => ({ image_processor: { size: { height: 56, width: 56 } } })),
  ],
])('%s', async (_, edit) => {
  await variant('hf-opt', same, edit);
});

test.each([56, 84])('a table of positions for larger images, with image_size %i in the config', async (stated) => {
  const golden = await openSafetensors(fixture('hf-opt/golden.safetensors'));
  const read = async (name: string): Promise<tf.Tensor> =>
    tf.tensor(await golden.read(name), [...golden.names.get(name)!.shape]);
  await expectNoLeak(() =>
    inFolder(async (folder) => {
      const name = 'vision_model.embeddings.position_embedding';
      const larger = async (entry: TensorEntry): Promise<Float32Array> => {
        const values = await valuesOf(entry);
        return tf.tidy(() => {
          const options = { from: [4, 4], to: [6, 6], fixed: 1, alignCorners: false } as const;
          return resizePositions(tf.tensor2d(values, [17, 32]), options).dataSync() as Float32Array;
        });
      };
      await altered('hf-opt', folder, (entries) =>
        entries.map((entry) =>
          entry.name === name ? { ...entry, shape: [1, 37, 32], data: () => larger(entry) } : entry,
        ),
      );
      await edited('config.json', (config) => ({
        ...config,
        vision_config: { ...(config.vision_config as Json), image_size: stated },
      }))(folder);
      using model = await loadFolder(folder);
      const pixels = await read('interpolated.pixel_values');
      const expected = await read('interpolated.vision.last_hidden_state');
      const nhwc = tf.transpose(pixels, [0, 2, 3, 1]) as tf.Tensor4D;
      const features = await encodePixels(model.vision, nhwc);
      const normed = normFeatures(model.params, features);
      expectClose(normed, expected, 1e-4);
      tf.dispose([pixels, nhwc, features, expected, normed]);
    }),
  );
  await golden.close();
});
