import { join } from 'node:path';
import { decodeImage } from '@blip2/data';
import { type Blip2, fromPretrained, retrievalModel } from '@blip2/models';
import { expectClose, expectNoLeak, fixture, inFolder } from '@blip2/testing';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { queryAttention, sidesOf } from './attention.js';
import { explain, writeSheet } from './explain.js';
import { GLYPH, glyph } from './font.js';
import { wordRelevance } from './words.js';

const photo = fixture('photos/rocket.jpg');
let model: Blip2;

beforeAll(async () => {
  await tf.setBackend('cpu');
  model = await fromPretrained(fixture('hf-itm'));
});
afterAll(() => model.dispose());

const sums = ({ values, rows, columns }: { values: Float32Array; rows: number; columns: number }) =>
  tf.sum(tf.tensor(values, [values.length / (rows * columns), rows * columns]), 1);

test('maps are of all queries and all words, each a share of one, and the sheet is an image of them', async () => {
  await inFolder(async (folder) => {
    const out = join(folder, 'sheet.png');
    await expectNoLeak(() => writeSheet(model, photo, { out, text: 'a rocket' }));
    const { width, height } = await decodeImage(out);
    expect([width, height > 400]).toEqual([1040, true]);
    await expect(writeSheet(model, photo, { out: join(folder, 'sheet.jpg') })).rejects.toThrow('ends in .png');
  });
  const { queries, text } = await explain(model, photo, { text: 'a rocket' });
  expectClose(sums(queries), tf.ones([5]), 1e-5);
  expect(text).toMatchObject({ text: 'a rocket', itm: expect.any(Number), itc: expect.any(Number) });
  const { words, shares } = text!.words;
  expect(words).toHaveLength(2);
  expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  expectClose(sums(text!.words), tf.ones([2]), 1e-5);
});

test('one layer can be chosen, and the mean is of all', async () => {
  const judge = retrievalModel(model);
  const features = tf.randomNormal([1, 17, judge.config.encoderWidth], 0, 1, 'float32', 3) as tf.Tensor3D;
  const mean = await queryAttention(judge, features);
  const looking = Math.ceil(judge.config.layers / judge.config.crossAttentionFrequency);
  const each = await Promise.all(
    Array.from({ length: looking }, (_, layer) => queryAttention(judge, features, { layer })),
  );
  expect(each[0]!.values).not.toEqual(each.at(-1)!.values);
  expect((await queryAttention(judge, features, { layer: -1 })).values).toEqual(each.at(-1)!.values);
  if (looking === 1) expect(mean.values).toEqual(each[0]!.values);
  await expect(queryAttention(judge, features, { layer: looking })).rejects.toThrow(`no layer ${looking} among the`);
});

test('an image that is everywhere alike is leant on everywhere alike', async () => {
  const judge = retrievalModel(model);
  const patch = tf.randomNormal([1, 1, judge.config.encoderWidth], 0, 1, 'float32', 4);
  const features = tf.tile(patch, [1, 17, 1]) as tf.Tensor3D;
  const { values } = await wordRelevance(judge, { features, text: 'a rocket' });
  expectClose(values, new Float32Array(values.length).fill(1 / 16), 1e-4);
  await expect(wordRelevance(judge, { features, text: '' })).rejects.toThrow('has no words');
});

test('what is no grid of patches is told', () => {
  expect(sidesOf(257)).toEqual({ rows: 16, columns: 16 });
  expect(sidesOf(49)).toEqual({ rows: 7, columns: 7 });
  expect(() => sidesOf(250)).toThrow('no square grid');
});

test('every letter is drawn whole, and one that is not there is a box', () => {
  const all = [...'abcdefghijklmnopqrstuvwxyz0123456789.,:;!?\'"-+/()%× '];
  for (const letter of all) {
    expect(glyph(letter)).toHaveLength(GLYPH.height);
    for (const row of glyph(letter)) expect(row).toMatch(/^[#.]{5}$/);
  }
  expect(new Set(all.map((letter) => glyph(letter).join())).size).toBe(all.length);
  expect([glyph('Q'), glyph('Ж')]).toEqual([glyph('q'), glyph('語')]);
});
