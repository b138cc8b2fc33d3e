import { dispose, sizeOf, specLeaves, type WeightSource } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { embed, encode } from './encode.js';
import { bertConfig, fromBert, qformerConfig, qformerSpec } from './index.js';
import { bertName } from './names.js';
import type { Layer } from './spec.js';

const config = qformerConfig(
  { hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 2, intermediate_size: 16, vocab_size: 13 },
  { queries: 3, maxPositions: 6, encoderWidth: 5, projectionSize: 4 },
);
const ROWS = 12; // one row less than the Q-Former: [DEC] is new

type Tensors = Map<string, { shape: readonly number[]; dtype: string }>;

/** A BERT checkpoint of the right sizes, each value telling its name. */
function bert(change: (tensors: Tensors) => void = () => {}): WeightSource {
  const names: Tensors = new Map();
  for (const [path, { shape }] of specLeaves(qformerSpec(config, 'pretraining'))) {
    const name = bertName(path);
    if (name) names.set(name, { shape: shape[0] === 13 ? [ROWS, ...shape.slice(1)] : shape, dtype: 'F32' });
  }
  names.set('bert.embeddings.token_type_embeddings.weight', { shape: [2, 8], dtype: 'F32' });
  names.set('bert.embeddings.position_ids', { shape: [1, 6], dtype: 'I64' });
  names.set('bert.pooler.dense.weight', { shape: [8, 8], dtype: 'F32' });
  names.set('cls.predictions.decoder.weight', { shape: [ROWS, 8], dtype: 'F32' });
  names.set('cls.seq_relationship.weight', { shape: [2, 8], dtype: 'F32' });
  change(names);
  const value = (name: string): number => [...name].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 997, 7) / 997;
  const read = async (name: string): Promise<Float32Array> => {
    const size = sizeOf(names.get(name)!.shape);
    return Float32Array.from({ length: size }, (_, i) => 0.1 * Math.sin(i + 100 * value(name)));
  };
  return { origin: 'bert', names, read, close: async () => {} };
}

test('a Q-Former begins as BERT, and what BERT lacks begins anew', async () => {
  const source = bert();
  const p = await fromBert(config, source, { seed: 1 });
  const [first, second] = p.qformer.encoder.layer as [Layer, Layer];
  expectClose(
    first.attention.attention.key.weight,
    await source.read('bert.encoder.layer.0.attention.self.key.weight'),
    0,
  );
  expectClose(second.intermediate_query.dense.weight, second.intermediate!.dense.weight, 0);
  expectClose(second.output_query.LayerNorm.bias, await source.read('bert.encoder.layer.1.output.LayerNorm.bias'), 0);
  expectClose(p.qformer.layernorm.weight, await source.read('bert.embeddings.LayerNorm.weight'), 0);
  expectClose(p.cls!.predictions.transform.dense.bias!, await source.read('cls.predictions.transform.dense.bias'), 0);
  const words = p.embeddings!.word_embeddings.weight;
  expectClose(tf.slice(words, [0, 0], [ROWS, 8]), await source.read('bert.embeddings.word_embeddings.weight'), 0);
  const dec = tf.slice(words, [ROWS, 0], [1, 8]).dataSync();
  expect(dec.every((x) => x !== 0 && Math.abs(x) < 0.1)).toBe(true);
  expect(p.cls!.predictions.bias.dataSync()[ROWS]).toBe(0);
  expect(Math.max(...first.crossattention!.attention.key.bias!.dataSync())).toBe(0);
  expect([...first.crossattention!.output.LayerNorm.weight.dataSync()]).toEqual(Array(8).fill(1));
  const bound = 1 / Math.sqrt(8);
  const head = p.vision_projection!.bias!.dataSync();
  expect(head.every((x) => x !== 0 && Math.abs(x) <= bound)).toBe(true);
  expect(p.temp!.dataSync()[0]).toBeCloseTo(0.07, 6);
});

test('both branches agree at first: queries that are words give what words give', async () => {
  const p = await fromBert(config, bert(), { seed: 1 });
  const mode = { training: false, seed: 0 };
  const ids = tf.tensor2d([[3, 4, 5]], [1, 3], 'int32');
  const x = embed(p, config, { ids, mode });
  const asText = encode(p, config, { x, queries: 0, mode }).output;
  expectClose(encode(p, config, { x, queries: 3, mode }).output, asText, 1e-6); // no images: no cross-attention
});

test('older names, names without prefix and a missing head are read', async () => {
  const old = bert((names) => {
    for (const [name, entry] of [...names]) {
      names.delete(name);
      if (name.startsWith('cls.')) continue;
      const legacy = name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta');
      names.set(legacy.replace(/^bert\./, ''), entry);
    }
  });
  const p = await fromBert(config, old, { seed: 1 });
  expectClose(p.qformer.layernorm.weight, await old.read('embeddings.LayerNorm.gamma'), 0);
  expect([...p.cls!.predictions.transform.LayerNorm.weight.dataSync()]).toEqual(Array(8).fill(1));
});

test('all that does not fit is named at once, and nothing is left alive', async () => {
  const wrong = bert((names) => {
    names.delete('bert.encoder.layer.1.intermediate.dense.bias');
    names.set('bert.encoder.layer.2.output.dense.bias', { shape: [8], dtype: 'F32' });
    names.set('bert.embeddings.position_embeddings.weight', { shape: [7, 8], dtype: 'F32' });
  });
  await expectNoLeak(async () => {
    const error = await fromBert(config, wrong, { seed: 1 }).catch((e: Error) => e);
    expect((error as Error).message).toMatch(/missing: .*layer\.1\.intermediate\.dense\.bias/);
    expect((error as Error).message).toMatch(/unused: .*layer\.2\.output\.dense\.bias/);
    expect((error as Error).message).toMatch(/position_embeddings\.weight \[7,8\]/);
  });
  await expectNoLeak(async () => dispose(await fromBert(config, bert(), { seed: 1 })));
});

test('with the embedding of its token type, texts begin as in BERT', async () => {
  const source = bert();
  const [plain, typed] = [
    await fromBert(config, source, { seed: 1 }),
    await fromBert(config, source, { seed: 1, tokenType: true }),
  ];
  const type = (await source.read('bert.embeddings.token_type_embeddings.weight')).slice(0, 8);
  const positions = (p: typeof plain): tf.Tensor => p.embeddings!.position_embeddings.weight;
  expectClose(tf.sub(positions(typed), positions(plain)), tf.tile(tf.tensor2d(type, [1, 8]), [6, 1]), 1e-7);
  expectClose(typed.embeddings!.word_embeddings.weight, plain.embeddings!.word_embeddings.weight, 0);
  dispose(plain);
  dispose(typed);
});

test.each([1, 3])('a BERT of %i layers, of any width, gives the sizes of the Q-Former', (layers) => {
  const wide = qformerConfig(
    { hidden_size: 12, num_attention_heads: 3, num_hidden_layers: layers, intermediate_size: 20, vocab_size: 13 },
    { queries: 3, maxPositions: 9, encoderWidth: 5, projectionSize: 4 },
  );
  const names = new Map<string, { shape: readonly number[]; dtype: string }>();
  for (const [path, { shape }] of specLeaves(qformerSpec(wide, 'pretraining'))) {
    const name = bertName(path);
    if (name && !name.startsWith('cls.')) names.set(name.replace(/^bert\./, ''), { shape, dtype: 'F32' }); // as MiniLM's
  }
  expect(bertConfig({ names }, { num_attention_heads: 3 })).toEqual({
    ...{ hiddenSize: 12, vocabSize: 13, maxPositions: 9, intermediateSize: 20, layers, heads: 3 },
  });
});
