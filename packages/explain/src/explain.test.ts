import { type Blip2, fromPretrained, retrievalModel } from '@blip2/models';
import { expectClose, fixture } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { queryAttention, sidesOf } from './attention.js';
import { explain } from './explain.js';
import { wordRelevance } from './word-relevance.js';

const photo = fixture('photos/rocket.jpg');
let model: Blip2;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await fromPretrained(fixture('hf-itm'));
});
afterAll(() => model.dispose());

const sums = ({ values, rows, columns }: { values: Float32Array; rows: number; columns: number }) =>
  tf.sum(tf.tensor(values, [values.length / (rows * columns), rows * columns]), 1);

test('there is a map for each query and each word, and each sums to one', async () => {
  const { image, queries, text } = await explain(model, photo, { text: 'a rocket' });
  expect([image.width, image.height]).toEqual([640, 427]);
  expectClose(sums(queries), tf.ones([5]), 1e-5);
  expect(text).toMatchObject({ text: 'a rocket', itm: expect.any(Number), itc: expect.any(Number) });
  const { words, shares } = text!.words;
  expect(words).toEqual(['a', 'rocket']);
  expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  expectClose(sums(text!.words), tf.ones([2]), 1e-5);
});

test('a layer can be chosen; the default is the mean of all', async () => {
  const scorer = retrievalModel(model);
  const features = tf.randomNormal([1, 17, scorer.config.encoderWidth], 0, 1, 'float32', 3) as tf.Tensor3D;
  const mean = await queryAttention(scorer, features);
  const count = Math.ceil(scorer.config.layers / scorer.config.crossAttentionFrequency);
  const each = await Promise.all(
    Array.from({ length: count }, (_, layer) => queryAttention(scorer, features, { layer })),
  );
  expect((await queryAttention(scorer, features, { layer: -1 })).values).toEqual(each.at(-1)!.values);
  mean.values.forEach((value, i) => {
    const [low, high] = [Math.min, Math.max].map((pick) => pick(...each.map(({ values }) => values[i]!)));
    expect(value).toBeGreaterThan(low! - 1e-6);
    expect(value).toBeLessThan(high! + 1e-6);
  });
  await expect(queryAttention(scorer, features, { layer: count })).rejects.toThrow(`no cross-attention layer ${count}`);
  features.dispose();
});

test('for an image of identical patches every word is relevant everywhere alike', async () => {
  const scorer = retrievalModel(model);
  const patch = tf.randomNormal([1, 1, scorer.config.encoderWidth], 0, 1, 'float32', 4);
  const features = tf.tile(patch, [1, 17, 1]) as tf.Tensor3D;
  const { values } = await wordRelevance(scorer, { features, text: 'a rocket' });
  expectClose(values, new Float32Array(values.length).fill(1 / 16), 1e-4);
  await expect(wordRelevance(scorer, { features, text: '' })).rejects.toThrow('has no words');
  tf.dispose([patch, features]);
});

test('features that are no square grid of patches are an error', () => {
  expect(sidesOf(257)).toEqual({ rows: 16, columns: 16 });
  expect(sidesOf(49)).toEqual({ rows: 7, columns: 7 });
  expect(() => sidesOf(250)).toThrow('no square grid');
});
