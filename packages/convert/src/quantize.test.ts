import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromPretrained, inspectModel } from '@blip2/models';
import type { Quantization } from '@blip2/models/folder';
import { flatten, isQuantized, type Tree } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { languageAlone } from '@blip2/test-models';
import { fixture, inFolder, json } from '@blip2/testing';
import { folderFiles, startHub } from '@blip2/testing/hub';
import { loadLanguageModel, loadVision } from '@blip2/training';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { convertModel } from './convert.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));
let before = 0;
beforeAll(() => {
  before = tf.memory().numTensors;
});
afterEach(() => expect(tf.memory().numTensors).toBe(before));

const rocket = fixture('photos/rocket.jpg');

/** The formats of a folder's packed matrices. */
async function formatsIn(folder: string): Promise<Record<string, string>> {
  const source = await openSafetensors(folder);
  const packed = [...source.names].flatMap(([name, info]) => (info.packed ? [[name, info.packed] as const] : []));
  await source.close();
  return Object.fromEntries(packed);
}

/** What people see of a model: a caption, or scores. */
async function seen(folder: string): Promise<object> {
  using model = await fromPretrained(folder);
  if (model.models[0]!.kind === 'retrieval') return await model.match(rocket, ['a rocket', 'a cat']);
  return await model.caption(rocket, { beams: 2, maxNewTokens: 6 });
}

test.each<[string, Quantization, readonly string[]]>([
  ['hf-opt', 'int8', ['I8']],
  ['hf-opt', 'f16', ['F16']],
  ['hf-t5', 'int4', ['I8', 'Q4_0']],
  ['hf-instruct', 'int8', ['I8']],
  ['hf-itm', 'int4', ['Q4_0']],
])('%s in %s computes as with the unpacked weights', async (name, quantize, expected) => {
  await inFolder(async (folder) => {
    const [packed, dense, again] = [join(folder, 'packed'), join(folder, 'dense'), join(folder, 'again')];
    const { bytes } = await convertModel(fixture(name), packed, { quantize });
    await convertModel(packed, dense, { dtype: 'f32' });
    expect((await convertModel(packed, again)).bytes).toBe(bytes);
    const [inspection] = await inspectModel(packed);
    expect(inspection).toMatchObject({ missing: [], unused: [], misshaped: [], quantization: { quantize } });
    const formats = await formatsIn(packed);
    expect([...new Set(Object.values(formats))].sort()).toEqual(expected);
    expect(Object.keys(formats).every((tensor) => /^(vision|language)_model\..*\.weight$/.test(tensor))).toBe(true);
    const { quantization_config } = await json<Record<string, unknown>>(join(packed, 'config.json'));
    expect(quantization_config).toMatchObject({ quant_method: 'blip2', quantize });
    expect(await json(join(dense, 'config.json'))).not.toHaveProperty('quantization_config');
    expect(await formatsIn(dense)).toEqual({});
    expect(await seen(packed)).toEqual(await seen(dense));
    expect(await formatsIn(again)).toEqual(formats);
  });
});

test("what is kept in float32: the defaults, T5's wo, and patterns; OPT's fc2 has 8 bits", async () => {
  await inFolder(async (folder) => {
    const [opt, t5] = [join(folder, 'opt'), join(folder, 't5')];
    await convertModel(fixture('hf-opt'), opt, { quantize: 'int4', keep: ['embed_tokens', 'layers.0.mlp'] });
    const formats = await formatsIn(opt);
    expect(formats['vision_model.encoder.layers.1.mlp.fc1.weight']).toBe('Q4_0');
    expect(formats['vision_model.encoder.layers.1.self_attn.qkv.weight']).toBe('Q4_0');
    expect(formats['vision_model.encoder.layers.0.mlp.fc2.weight']).toBeUndefined();
    expect(formats['language_model.model.decoder.layers.0.fc2.weight']).toBe('I8');
    expect(formats['language_model.model.decoder.embed_tokens.weight']).toBeUndefined();
    expect(formats['language_model.model.decoder.embed_positions.weight']).toBeUndefined();
    await convertModel(fixture('hf-t5'), t5, { quantize: 'int4' });
    const names = Object.keys(await formatsIn(t5));
    expect(names.filter((name) => name.includes('.wi'))).not.toEqual([]);
    expect(names.filter((name) => /\.wo\.|relative_attention_bias/.test(name))).toEqual([]);
  });
});

test('matrices are loaded packed, and nothing of the Q-Former is', async () => {
  await inFolder(async (folder) => {
    const out = join(folder, 'out');
    await convertModel(fixture('hf-opt'), out, { quantize: 'int8' });
    using model = await fromPretrained(out);
    const { params } = model.models[0]!;
    expect(Object.values(flatten(params as Tree)).some(isQuantized)).toBe(false);
    const words = tf.memory().numTensors;
    using dense = await fromPretrained(fixture('hf-opt'));
    expect(words).toBeGreaterThan(tf.memory().numTensors - words); // I8 has scales beside its words
    expect(dense.models.length).toBe(1);
  });
});

test('a language model and an image encoder of their own', async () => {
  await inFolder(async (folder) => {
    const [language, packed, vision] = ['language', 'packed', 'vision'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await languageAlone('hf-t5', language);
    await convertModel(language, packed, { quantize: 'int4' });
    expect(Object.keys(await formatsIn(packed))).toContain('shared.weight');
    await tf.ready();
    const loaded = await loadLanguageModel(packed);
    const ids = tf.tensor2d([[5, 6]], [1, 2], 'int32');
    const embedded = loaded.embed(ids);
    expect(embedded.shape).toEqual([1, 2, 40]);
    tf.dispose([ids, embedded]);
    loaded.dispose?.();

    await convertModel(fixture('encoders/clip'), vision, { quantize: 'int8' });
    await cp(fixture('hf-opt/processor_config.json'), join(vision, 'processor_config.json'));
    expect(Object.values(await formatsIn(vision)).length).toBeGreaterThan(5);
    const encoder = await loadVision(vision);
    const pixels = tf.zeros([1, 28, 28, 3]) as tf.Tensor4D;
    const features = await encoder.encode(pixels);
    expect(features.shape.at(-1)).toBe(encoder.width);
    tf.dispose([pixels, features]);
    encoder.dispose();
  });
});

test('from a name on the hub', async () => {
  const hub = await startHub(await folderFiles(fixture('hf-itm')));
  try {
    await inFolder(async (folder) => {
      const out = join(folder, 'out');
      await convertModel('org/tiny', out, {
        quantize: 'int8',
        hub: { endpoint: hub.endpoint, cache: folder, offline: false },
      });
      expect(Object.keys(await formatsIn(out)).length).toBeGreaterThan(5);
    });
  } finally {
    await hub.close();
  }
});

test('what cannot be quantized is said in a sentence, and nothing is written', async () => {
  await inFolder(async (folder) => {
    const [packed, out] = [join(folder, 'packed'), join(folder, 'out')];
    await convertModel(fixture('hf-opt'), packed, { quantize: 'int8' });
    await expect(convertModel(packed, out, { quantize: 'int4' })).rejects.toThrow(
      /is quantized already \('\S+' is I8\), and would lose more; take the model in float32 or half precision\./,
    );
    await expect(convertModel(fixture('hf-opt'), out, { quantize: 'int8', dtype: 'f16' })).rejects.toThrow('exclude');
    await expect(convertModel(fixture('hf-opt'), out, { keep: ['lm_head'] })).rejects.toThrow("'keep' (--keep) is for");
    await expect(
      convertModel(fixture('hf-opt'), out, { quantize: 'int8', keep: ['vision_model', 'language_model'] }),
    ).rejects.toThrow('has no matrices of an image encoder or language model to quantize');
    await expect(convertModel(fixture('hf-opt'), out, { quantize: 'int8', keep: ['lm-head'] })).rejects.toThrow(
      "The names 'lm-head' (--keep) are in the name of no tensor",
    );
  });
});

test('a folder whose config and tensors disagree is refused before anything is loaded', async () => {
  await inFolder(async (folder) => {
    const [packed, wrong] = [join(folder, 'packed'), join(folder, 'wrong')];
    await convertModel(fixture('hf-opt'), packed, { quantize: 'int4' });
    await cp(packed, wrong, { recursive: true });
    const config = JSON.parse(await readFile(join(wrong, 'config.json'), 'utf8'));
    config.quantization_config.quant_method = 'gptq';
    await writeFile(join(wrong, 'config.json'), JSON.stringify(config));
    await expect(fromPretrained(wrong)).rejects.toThrow('these weights were quantized with GPTQ');
    const file = join(packed, 'model.safetensors');
    const bytes = await readFile(file);
    const at = bytes.indexOf('Q4_0 [');
    bytes.write('Q4_1', at);
    await writeFile(file, bytes);
    await expect(fromPretrained(packed)).rejects.toThrow('is stored as a vector of');
  });
});
