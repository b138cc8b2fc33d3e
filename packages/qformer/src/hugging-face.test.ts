import { readFileSync } from 'node:fs';
import { similarity } from '@blip2/losses';
import { bind } from '@blip2/tensor';
import { openSafetensors, type SafetensorsSource } from '@blip2/tensor/safetensors';
import { expectClose, fixture } from '@blip2/testing';
import { afterAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import {
  imageFeatures,
  itmLogits,
  matchPass,
  type QFormerParts,
  qformerConfig,
  qformerSpec,
  queryOutput,
  textFeatures,
  textPass,
} from './index.js';

const opened: SafetensorsSource[] = [];
afterAll(() => Promise.all(opened.map((source) => source.close())));

async function load(folder: string, parts: QFormerParts) {
  const json = JSON.parse(readFileSync(fixture(`${folder}/config.json`), 'utf8'));
  const config = qformerConfig(json.qformer_config, {
    queries: json.num_query_tokens,
    projectionSize: json.image_text_hidden_size,
    encoderWidth: json.vision_config.hidden_size,
  });
  const model = await openSafetensors(fixture(`${folder}/model.safetensors`));
  const golden = await openSafetensors(fixture(`${folder}/golden.safetensors`));
  opened.push(model, golden);
  const others = /^(vision_model|language_model|language_projection)\./;
  const p = await bind(qformerSpec(config, parts), model, { ignore: (name) => others.test(name) });
  const read = async <T extends tf.Tensor>(name: string): Promise<T> => {
    const { shape, dtype } = golden.names.get(name)!;
    return tf.tensor(await golden.read(name), [...shape], dtype === 'F32' ? 'float32' : 'int32') as T;
  };
  return { config, p, read };
}

test('queries of a generation model meet the reference', async () => {
  const { config, p, read } = await load('hf-opt', 'generation');
  const features = await read<tf.Tensor3D>('vision.last_hidden_state');
  expectClose(queryOutput(p, config, features), await read('qformer.last_hidden_state'));
});

test('a retrieval model matches and compares as the reference', async () => {
  const { config, p, read } = await load('hf-itm', 'retrieval');
  expect(config.textInput).toBe(true);
  const features = await read<tf.Tensor3D>('vision.last_hidden_state');
  const ids = await read<tf.Tensor2D>('input_ids');
  const mask = await read<tf.Tensor2D>('attention_mask');
  const image = imageFeatures(p, queryOutput(p, config, features));
  expectClose(image, await read('image_embeds'));
  const { ids: texts, mask: present } = withoutImageTokens({ ids, mask }, config.queries);
  const text = textFeatures(p, textPass(p, config, { ids: texts, mask: present }));
  expectClose(text, await read('text_embeds'));
  expectClose(similarity(image, text), await read('logits_per_image.itc'));
  const { output } = matchPass(p, config, { ids: texts, mask: present, features });
  expectClose(itmLogits(p, output), await read('logits_per_image.itm'));
});

/** The processor puts one id a query before the text; the model cuts them off again. */
function withoutImageTokens({ ids, mask }: { ids: tf.Tensor2D; mask: tf.Tensor2D }, queries: number) {
  const [B, T] = ids.shape;
  const rest = (x: tf.Tensor2D) => tf.slice(x, [0, queries], [B, T - queries]);
  return { ids: rest(ids), mask: rest(mask) };
}
