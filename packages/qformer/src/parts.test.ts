import { additiveMask } from '@blip2/attention';
import { countParameters, dispose, initialize, specLeaves } from '@blip2/tensor';
import { expectClose, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { embed, encode } from './encode.js';
import {
  encodeKeyValues,
  imageFeatures,
  isCopy,
  lavisName,
  pathOfLavisName,
  pruneForGeneration,
  qformerConfig,
  qformerConfigJson,
  qformerSpec,
  queryOutput,
  queryPass,
  textPass,
} from './index.js';
import type { QFormer } from './spec.js';

const paper = qformerConfig({ vocab_size: 30523 });
const tiny = qformerConfig(
  { hidden_size: 16, num_attention_heads: 2, num_hidden_layers: 3, intermediate_size: 32, vocab_size: 20 },
  { queries: 4, maxPositions: 8, encoderWidth: 12, projectionSize: 8 },
);
const mode = { training: false, seed: 0 };

test('the parameters of the paper are counted from the spec alone', () => {
  const generation = qformerSpec(paper);
  expect(countParameters(generation.qformer)).toBe(105_137_664);
  expect(countParameters(qformerSpec(qformerConfig({ encoder_hidden_size: 1024 })).qformer)).toBe(101_598_720);
  expect(specLeaves(generation.qformer).length).toBe(254);
  expect(countParameters(generation)).toBe(105_137_664 + 24_576);
  const whole = qformerSpec(paper, 'pretraining');
  expect(countParameters(whole.qformer) + countParameters(whole.embeddings!)).toBe(185_660_160);
  expect(countParameters(whole.cls!)).toBe(622_651);
  const lnVision = 2 * 1408;
  expect(countParameters(whole) + lnVision).toBe(186_705_470);
  expect(countParameters(whole) - countParameters(qformerSpec(paper, 'retrieval'))).toBe(622_651 + 1);
  const twoLayers = qformerSpec(qformerConfig({ num_hidden_layers: 2 }));
  expect(countParameters(twoLayers.qformer.encoder)).toBe(17_522_688);
});

test('the published sizes of models follow', () => {
  const layer = 75_750_528 / 3;
  const vision = 39 * layer + 1408 * (3 * 14 * 14 + 1) + 1408 + 257 * 1408 + 2816;
  const stage2 = (width: number) => countParameters(qformerSpec(paper)) + 2816 + 768 * width + width;
  expect([2560, 4096, 2048].map(stage2)).toEqual([107_133_696, 108_314_880, 106_739_968]);
  expect(countParameters(qformerSpec(paper, 'retrieval')) + vision).toBe(1_172_032_258);
});

test('names of LAVIS and back', () => {
  const paths = specLeaves(qformerSpec(tiny, 'pretraining')).map(([path]) => path);
  const names = paths.map(lavisName);
  expect(new Set(names).size).toBe(paths.length);
  expect(names.map(pathOfLavisName)).toEqual(paths);
  expect(lavisName('qformer.encoder.layer.0.crossattention.attention.key.weight')).toBe(
    'Qformer.bert.encoder.layer.0.crossattention.self.key.weight',
  );
  expect(lavisName('qformer.layernorm.bias')).toBe('Qformer.bert.embeddings.LayerNorm.bias');
  expect(pathOfLavisName('Qformer.bert.embeddings.position_ids')).toBeUndefined();
  expect(pathOfLavisName('Qformer.cls.predictions.decoder.weight')).toBeUndefined();
  expect(pathOfLavisName('visual_encoder.cls_token')).toBeUndefined();
  expect(isCopy('Qformer.cls.predictions.decoder.bias')).toBe(true);
  expect(() => lavisName('language_projection.weight')).toThrow(/no name/);
});

test('a config holds what differs from BERT-base, and is refused where it cannot be', () => {
  expect(qformerConfig().layers).toBe(12);
  expect(qformerConfig().textInput).toBe(false);
  expect(qformerConfig(qformerConfigJson(tiny), { queries: 4, projectionSize: 8 })).toEqual(tiny);
  expect(() => qformerConfig({ num_attention_heads: 7 })).toThrow(/768 cannot have 7 heads/);
  expect(() => qformerConfig({ hidden_size: -1 })).toThrow(/hiddenSize cannot be -1/);
  expect(() => qformerConfig({ hidden_act: 'swish' })).toThrow(/activation cannot be "swish"/);
  expect(() => qformerConfig({ hidden_dropout_prob: 1 })).toThrow(/dropout cannot be 1/);
});

test('an image of any size gives the same number of vectors', () => {
  const p = initialize(qformerSpec(tiny), 1);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 30 }), (B, N) => {
      const output = tf.tidy(() => queryOutput(p, tiny, tf.randomNormal([B, N, 12], 0, 1, 'float32', N)));
      expect(output.shape).toEqual([B, 4, 16]);
      expect(output.dataSync().every(Number.isFinite)).toBe(true);
      output.dispose();
    }),
    { numRuns: 5, seed: 1 },
  );
  dispose(p);
});

test('the second stage keeps what the queries need, and their outputs', async () => {
  const p = initialize(qformerSpec(tiny, 'pretraining'), 2);
  const features = tf.randomNormal([2, 5, 12], 0, 1, 'float32', 3) as tf.Tensor3D;
  let pruned: QFormer = p;
  await expectNoLeak(() => {
    pruned = pruneForGeneration(p);
  });
  expectClose(queryOutput(pruned, tiny, features), queryOutput(p, tiny, features), 0);
  const shapes = (tree: object) => JSON.stringify(Object.keys(tree));
  expect(shapes(pruned)).toBe(shapes(qformerSpec(tiny)));
  expect(() => textPass(pruned, tiny, { ids: tf.zeros([1, 2], 'int32'), mask: tf.ones([1, 2]) })).toThrow(
    /no text embeddings; build or load it with the parts 'retrieval'/,
  );
  expect(() => imageFeatures(pruned, tf.zeros([1, 4, 16]))).toThrow(/no projection of images/);
});

test('queries and texts under a block-diagonal mask are as if alone', () => {
  const p = initialize(qformerSpec(tiny, 'retrieval'), 3);
  const features = tf.randomNormal([2, 5, 12], 0, 1, 'float32', 4) as tf.Tensor3D;
  const ids = tf.tensor2d(
    [
      [1, 5, 6, 2],
      [1, 7, 2, 0],
    ],
    [2, 4],
    'int32',
  );
  const mask = tf.tensor2d(
    [
      [1, 1, 1, 1],
      [1, 1, 1, 0],
    ],
    [2, 4],
    'int32',
  );
  const query = tf.concat([tf.ones([4, 4]), tf.zeros([4, 4])], 1);
  const text = tf.concat([tf.zeros([4, 4]), tf.ones([4, 4])], 1);
  const present = tf.concat([tf.ones([2, 4]), tf.cast(mask, 'float32')], 1).expandDims(1);
  const keep = tf.mul(tf.concat([query, text], 0), present);
  const x = embed(p, tiny, { queryRows: 2, ids, mode });
  const both = encode(p, tiny, {
    x,
    queries: 4,
    mask: additiveMask(keep),
    images: { keys: encodeKeyValues(p, tiny, features) },
    mode,
  }).output;
  const [own, words] = tf.split(both, 2, 1) as [tf.Tensor3D, tf.Tensor3D];
  expectClose(own, queryPass(p, tiny, features).output, 1e-5);
  expectClose(words, textPass(p, tiny, { ids, mask }), 1e-5);
});

test('words, positions and queries begin as small as they are asked to, all else as before', () => {
  const deviation = (x: tf.Tensor): number => Math.sqrt(tf.moments(x).variance.dataSync()[0] as number);
  const begun = (config: typeof tiny) => initialize(qformerSpec(config, 'retrieval'), 3);
  const [small, usual] = [begun({ ...tiny, embeddingRange: 0.001 }), begun(tiny)];
  expect(deviation(usual.embeddings?.word_embeddings.weight as tf.Tensor)).toBeCloseTo(0.02, 2);
  expect(deviation(small.embeddings?.word_embeddings.weight as tf.Tensor)).toBeCloseTo(0.001, 3);
  expect(deviation(small.embeddings?.position_embeddings.weight as tf.Tensor)).toBeLessThan(0.0015);
  expect(deviation(small.query_tokens)).toBeLessThan(0.0015);
  const key = ({ qformer }: typeof usual): tf.Tensor =>
    qformer.encoder.layer[0]?.attention.attention.key.weight as tf.Tensor;
  expectClose(key(small), key(usual), 0);
  expect(qformerConfig({ initializer_range: 0.3 }).embeddingRange).toBe(0.3);
});

test('cross-attention and feed-forward networks begin as large as they are asked to', () => {
  const deviation = (x: tf.Tensor): number => Math.sqrt(tf.moments(x).variance.dataSync()[0] as number);
  const config = { ...tiny, crossAttentionRange: 0.5, feedForwardRange: 0.001 };
  const first = initialize(qformerSpec(config, 'retrieval'), 3).qformer.encoder.layer[0];
  expect(deviation(first?.crossattention?.attention.value.weight as tf.Tensor)).toBeGreaterThan(0.4);
  expect(deviation(first?.attention.attention.value.weight as tf.Tensor)).toBeCloseTo(0.02, 2);
  for (const weight of [first?.intermediate_query.dense.weight, first?.intermediate?.dense.weight]) {
    expect(deviation(weight as tf.Tensor)).toBeLessThan(0.0015);
  }
});

test('what does not fit is refused with a sentence', () => {
  const p = initialize(qformerSpec(tiny, 'retrieval'), 3);
  expect(() => queryPass(p, tiny, tf.zeros([1, 5, 13]))).toThrow(/\[B,N,12\], not \[1,5,13\]/);
  expect(() => textPass(p, tiny, { ids: tf.zeros([1, 9], 'int32'), mask: tf.ones([1, 9]) })).toThrow(/8 positions/);
  expect(() => textPass(p, tiny, { ids: tf.zeros([1, 3], 'int32'), mask: tf.ones([1, 2]) })).toThrow(/same shape/);
});
