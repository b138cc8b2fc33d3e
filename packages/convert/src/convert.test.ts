import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildWordPiece } from '@blip2/data';
import { itc } from '@blip2/losses';
import type { RetrievalModel } from '@blip2/models';
import { fromPretrained, inspectModel, loadFolder } from '@blip2/models';
import { replaceFolder, subsetSource, writeTokenizer } from '@blip2/models/folder';
import {
  captionIds,
  captionPass,
  imageFeatures,
  itgLogits,
  itmLogits,
  matchPass,
  matchRows,
  queryPass,
  textFeatures,
  textPass,
} from '@blip2/qformer';
import type { Json } from '@blip2/tensor';
import { BindError, derivedSource, dispose, flatten, initialize, type Tree, type WeightSource } from '@blip2/tensor';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { writeTorch } from '@blip2/test-models';
import { expectClose, fixture, inFolder, json } from '@blip2/testing';
import { readVisionConfig, toLavisVisionSource, visionSpec } from '@blip2/vision';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { convertModel } from './convert.js';
import { type LavisLanguage, toLavisSource } from './lavis.js';
import { mergeSources, renamed } from './parts.js';

beforeAll(() => tf.setBackend('cpu').then(() => undefined));
let before = 0;
beforeAll(() => {
  before = tf.memory().numTensors;
});
afterEach(() => expect(tf.memory().numTensors).toBe(before));

const opt = fixture('hf-opt');
const rocket = fixture('photos/rocket.jpg');

/** Values that do not lie in a file. */
function sourceOf(arrays: Record<string, { shape: readonly number[]; values: ArrayLike<number> }>): WeightSource {
  const tensors = Object.entries(arrays).map(
    ([name, { shape, values }]) =>
      [name, { shape, dtype: 'F32', read: async () => Float32Array.from(values) }] as const,
  );
  return derivedSource({ origin: 'memory', close: async () => undefined }, new Map(tensors));
}

/** An EVA of the width that the fixture of stage 1 looks at, in a file of its own as `eva_vit_g.pth` is. */
async function writeEyes(path: string): Promise<void> {
  const size = {
    hidden_size: 24,
    intermediate_size: 32,
    num_hidden_layers: 2,
    num_attention_heads: 3,
    image_size: 28,
    patch_size: 14,
  };
  const params: Tree = initialize(visionSpec(readVisionConfig({ model_type: 'blip-2', ...size })), 1);
  const arrays = Object.entries(flatten(params)).map(
    ([name, tensor]) => [name, { shape: tensor.shape, values: tensor.dataSync() as Float32Array }] as const,
  );
  const lavis = toLavisVisionSource(sourceOf(Object.fromEntries(arrays)), 'eva');
  await writeTorch(
    path,
    renamed(lavis, (name) => name.replace('visual_encoder.', '')),
  );
  dispose(params);
}

const heads = (vision: number, qformer: number): Json => ({
  vision_config: { num_attention_heads: vision },
  qformer_config: { num_attention_heads: qformer },
});

test('a LAVIS stage 1, converted, gives the values that LAVIS gives', async () => {
  await inFolder(async (folder) => {
    const { config: golden } = await json<{ config: Record<string, number> }>(fixture('stage1/golden.json'));
    const file = join(folder, 'blip2_pretrained.pth');
    const model = await openSafetensors(fixture('stage1/model.safetensors'));
    const norm = {
      'ln_vision.weight': { shape: [24], values: new Array(24).fill(1) },
      'ln_vision.bias': { shape: [24], values: new Array(24).fill(0) },
    };
    await writeTorch(file, mergeSources('stage 1', [model, sourceOf(norm)]));
    await model.close();
    const [eyes, words, out] = ['eva_vit_g.pth', 'bert', 'out'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeEyes(eyes);
    const pieces = Array.from(
      { length: golden.vocab_size! - 1 },
      (_, i) => ['[PAD]', '[CLS]', '[SEP]', '[UNK]', '[MASK]'][i] ?? `w${i}`,
    );
    const bert = buildWordPiece(pieces);
    const added = (bert.tokenizer as { added_tokens: { content: string }[] }).added_tokens;
    const { bos_token, ...config } = bert.config!;
    const plain = {
      tokenizer: { ...bert.tokenizer, added_tokens: added.filter(({ content }) => content !== '[DEC]') },
      config,
    };
    await replaceFolder(words, (temporary) => writeTokenizer(temporary, plain));

    const [inspected] = await inspectModel(file);
    expect(inspected!.tensors).toContainEqual({ name: 'temp', shape: [], dtype: 'F32' });
    const done = await convertModel(file, out, { vision: eyes, tokenizer: words, config: heads(3, 4) });
    expect(done).toEqual({ in: file, out, bytes: expect.any(Number) });
    expect(await inspectModel(out)).toEqual([expect.objectContaining({ missing: [], unused: [], misshaped: [] })]);

    using loaded = (await loadFolder(out)) as RetrievalModel;
    expect(loaded).toMatchObject({
      kind: 'retrieval',
      parts: 'pretraining',
      config: { crossAttentionFrequency: 2, queries: 6 },
    });
    expect(loaded.tokenizer.special.bos).toBe(golden.bos_token_id);
    await expectGolden(loaded, golden.bos_token_id!);
  });
});

async function expectGolden({ params, config }: RetrievalModel, start: number): Promise<void> {
  const golden = await openSafetensors(fixture('stage1/golden.safetensors'));
  const read = async <T extends tf.Tensor>(name: string): Promise<T> => {
    const { shape, dtype } = golden.names.get(name)!;
    return tf.tensor(await golden.read(name), [...shape], dtype === 'I32' ? 'int32' : 'float32') as T;
  };
  const features = await read<tf.Tensor3D>('image_embeds');
  const [ids, mask] = [await read<tf.Tensor2D>('input_ids'), await read<tf.Tensor2D>('attention_mask')];
  const negatives = { image: await read<tf.Tensor1D>('neg_image'), text: await read<tf.Tensor1D>('neg_text') };
  const seen = tf.tidy(() => {
    const query = queryPass(params, config, features);
    const words = textFeatures(params, textPass(params, config, { ids, mask }));
    const image = imageFeatures(params, query.output);
    const rows = matchRows({ ids, mask }, negatives);
    const caption = { ids: captionIds(ids, start), mask, cache: query.cache };
    return {
      query_output: query.output,
      text_feat: words,
      sim_i2t: itc({ imageFeatures: image, textFeatures: words, temperature: params.temp as tf.Scalar }).simI2T,
      itm_logits: itmLogits(params, matchPass(params, config, { ...rows, features }).output),
      itg_logits: itgLogits(params, config, captionPass(params, config, caption)),
    };
  });
  for (const [name, tensor] of Object.entries(seen)) expectClose(tensor, await golden.read(name), 1e-4);
  tf.dispose([seen, features, ids, mask, negatives]);
  await golden.close();
}

/** What LAVIS keeps of a stage 2, and the encoder's own file. */
async function writeStage2(
  folder: string,
  from = opt,
  language: LavisLanguage = 'opt',
): Promise<{ file: string; vision: string }> {
  const [file, vision] = [join(folder, 'blip2_pretrained.pth'), join(folder, 'eva_vit_g.pth')];
  const lavis = toLavisSource(await openSafetensors(from), { language });
  const frozen = (name: string): boolean => /^(visual_encoder|opt_model|t5_model)\./.test(name);
  await writeTorch(
    file,
    subsetSource(lavis, (name) => !frozen(name)),
  );
  await writeTorch(
    vision,
    renamed(lavis, (name) => (name.startsWith('visual_encoder.') ? name.slice(15) : undefined)),
  );
  await lavis.close();
  return { file, vision };
}

test('a LAVIS stage 2, converted, says what the model from Hugging Face says', async () => {
  await inFolder(async (folder) => {
    const { file, vision } = await writeStage2(folder);
    const out = join(folder, 'out');
    const seen: number[] = [];
    const onProgress = ({ done, total }: { done: number; total: number }): number => seen.push(done / total);
    await convertModel(file, out, { vision, language: opt, config: heads(4, 4), onProgress });
    expect(seen.at(-1)).toBe(1);
    using made = await fromPretrained(out);
    using first = await fromPretrained(opt);
    const options = { prompt: 'a photo of', beams: 3, maxNewTokens: 8 };
    const [ours, theirs] = [await made.caption(rocket, options), await first.caption(rocket, options)];
    expect(ours.tokens).toEqual(theirs.tokens);
    expect(ours.score).toBeCloseTo(theirs.score, 4);
  });
});

test('a LAVIS stage 2 with a T5, converted, says what the model from Hugging Face says', async () => {
  await inFolder(async (folder) => {
    const t5 = fixture('hf-t5');
    const { file, vision } = await writeStage2(folder, t5, 't5');
    const out = join(folder, 'out');
    const { vision_config, qformer_config } = await json<Record<string, Json>>(join(t5, 'config.json'));
    const config = heads(Number(vision_config!.num_attention_heads), Number(qformer_config!.num_attention_heads));
    await convertModel(file, out, { vision, language: t5, config });
    expect(await json(join(out, 'config.json'))).toMatchObject({ use_decoder_only_language_model: false });
    expect(await inspectModel(out)).toEqual([expect.objectContaining({ missing: [], unused: [], misshaped: [] })]);
    using made = await fromPretrained(out);
    using first = await fromPretrained(t5);
    const [ours, theirs] = [await made.ask(rocket, 'what is this?'), await first.ask(rocket, 'what is this?')];
    expect(ours.tokens).toEqual(theirs.tokens);
  });
});

test('a folder is written again in half precision, and from that one the same', async () => {
  await inFolder(async (folder) => {
    const [half, again] = [join(folder, 'half'), join(folder, 'again')];
    await convertModel(opt, half, { dtype: 'bf16' });
    const { bytes } = await convertModel(pathToFileURL(half), pathToFileURL(again));
    const [told] = await inspectModel(again);
    expect(new Set(told!.tensors.map(({ dtype }) => dtype))).toEqual(new Set(['BF16']));
    expect(told).toMatchObject({ missing: [], unused: [], misshaped: [] });
    expect(bytes).toBeGreaterThan(2 * told!.parameters);
    expect(await json(join(again, 'config.json'))).toMatchObject({ dtype: 'bfloat16', model_type: 'blip-2' });
    using model = await fromPretrained(again);
    expect(await model.caption(rocket)).toHaveProperty('caption');
  });
});

test('what is missing or does not fit is said before anything is written', async () => {
  await inFolder(async (folder) => {
    const { file, vision } = await writeStage2(folder);
    const out = join(folder, 'out');
    const given = { vision, language: opt, config: heads(4, 4) };
    const fails = async (from: string, options: object, message: string | RegExp): Promise<void> => {
      await expect(convertModel(from, out, { ...given, ...options })).rejects.toThrow(message);
      await expect(inspectModel(out)).rejects.toThrow('There is no file or folder');
    };
    await fails(file, { vision: undefined }, "does not hold its image encoder; give it as the option 'vision'");
    await fails(
      file,
      { language: undefined },
      "does not hold its language model; give its folder as the option 'language'",
    );
    await fails(
      file,
      { config: undefined },
      /do not determine the number of heads of the vision_config; give it as the option .*: \{.*\}\.$/,
    );
    await fails(file, { tokenizer: folder }, 'has no tokenizer.json');
    await fails(vision, {}, 'holds only an image encoder');
    await fails(file, { vision: file }, 'holds no image encoder of a known kind');
    await fails(join(opt, 'golden.safetensors'), {}, 'does not have the names of LAVIS');
    await fails(join(folder, 'none.pth'), {}, 'There is no file or folder');
    await writeFile(join(folder, 'bad.pth'), '\x80\x02cos\nsystem\n.', 'latin1');
    await fails(join(folder, 'bad.pth'), {}, 'refers to "os.system"');
    await expect(convertModel(opt, opt)).rejects.toThrow('is the input of the conversion');
    const narrow = join(folder, 'narrow.pth');
    await writeEyes(narrow);
    await expect(convertModel(file, out, { ...given, vision: narrow })).rejects.toThrow(BindError);
  });
});
