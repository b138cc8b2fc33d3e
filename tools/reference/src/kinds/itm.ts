import { join } from 'node:path';
import { loadTokenizer } from '@blip2/data';
import { similarity } from '@blip2/losses';
import { imageFeatures, itmLogits, matchPass, queryOutput, textFeatures, textPass } from '@blip2/qformer';
import * as tf from '@tensorflow/tfjs';
import { imageTokens } from '../blip2/image-tokens.js';
import { imagesOf } from '../blip2/images.js';
import { interpolated } from '../blip2/interpolated.js';
import { loadParts, look } from '../blip2/parts.js';
import type { Checks } from '../checks.js';
import type { Folder } from '../folder.js';
import { numbersOf, readJson, textsOf } from '../json.js';

/** Image-text retrieval: features of both, matching of each image with its text, similarity of all pairs. */
export async function itm(folder: Folder, checks: Checks): Promise<void> {
  const json = readJson(join(folder.path, 'config.json'));
  const parts = await loadParts(folder, json, { parts: 'retrieval', more: () => ({}) });
  const { qformer, config } = parts;
  try {
    const pixels = await imagesOf(folder, checks);
    const rows = await rowsOf(folder, checks, (ids) => imageTokens(json, config.queries).count(ids));
    await checks.section('tokenizer', () => tokenizer(folder, checks, rows));
    const texts = { ids: tf.tensor2d(rows.ids, undefined, 'int32'), mask: tf.tensor2d(rows.mask, undefined, 'int32') };
    const features = look(parts, pixels);
    await checks.tensor('vision.last_hidden_state', features);
    await checks.section('interpolated', () => interpolated(folder, checks, parts));
    const queries = queryOutput(qformer, config, features);
    await checks.tensorIfAny('qformer.last_hidden_state', () => queries);
    const image = imageFeatures(qformer, queries);
    const text = textFeatures(qformer, textPass(qformer, config, texts));
    await checks.tensor('image_embeds', image);
    await checks.tensor('text_embeds', text);
    const itc = similarity(image, text);
    await checks.tensor('logits_per_image.itc', itc);
    const logits = itmLogits(qformer, matchPass(qformer, config, { ...texts, features }).output);
    await checks.tensor('logits_per_image.itm', logits);
    await probabilities(folder, checks, { itc, itm_probability: tf.slice(tf.softmax(logits), [0, 1], [-1, 1]) });
  } finally {
    parts.dispose();
  }
}

/** Ids and mask of the texts, without what stands in the images' places. */
interface Rows {
  readonly ids: number[][];
  readonly mask: number[][];
}

async function rowsOf(folder: Folder, checks: Checks, skip: (ids: readonly number[]) => number): Promise<Rows> {
  checks.input('input_ids', 'attention_mask');
  const ids = await (await folder.tensor<tf.Tensor2D>('input_ids')).array();
  const mask = await (await folder.tensor<tf.Tensor2D>('attention_mask')).array();
  const first = skip(ids[0] ?? []);
  return { ids: ids.map((row) => row.slice(first)), mask: mask.map((row) => row.slice(first)) };
}

async function tokenizer(folder: Folder, checks: Checks, { ids, mask }: Rows): Promise<void> {
  const { encode } = await loadTokenizer(folder.path);
  for (const [i, text] of textsOf(folder.golden, 'texts').entries()) {
    const expected = (ids[i] ?? []).filter((_, column) => mask[i]?.[column] === 1);
    checks.ids(`input_ids.${i}`, encode(text), expected);
  }
}

/** What golden.json holds of the outcome. */
async function probabilities(
  folder: Folder,
  checks: Checks,
  made: { readonly [name: string]: tf.Tensor },
): Promise<void> {
  for (const [name, tensor] of Object.entries(made)) {
    const expected = numbersOf(folder.golden, name);
    if (expected) checks.numbers(name, [...(await tensor.data())], expected);
  }
}
