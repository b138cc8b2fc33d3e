import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { SIZE } from './places.js';
import { onWhite, pixelsOf, pooled, recallOf } from './retrieval.js';

test('each query is looked for among all candidates', async () => {
  const candidates = tf.eye(8) as tf.Tensor2D;
  const queries = tf.tensor2d([
    [9, 1, 0, 0, 0, 0, 0, 0],
    [9, 1, 0, 0, 0, 0, 0, 0],
    [9, 8, 7, 6, 5, 4, 3, 2],
  ]);
  expect(await recallOf(queries, candidates, [0, 1, 6])).toEqual({ r1: 1 / 3, r5: 2 / 3 });
});

test('features are the mean of the places, centered over all images', async () => {
  const image = (value: number) => new Uint8Array(SIZE * SIZE * 3).fill(value);
  const encode = (pixels: tf.Tensor4D) =>
    tf.reshape(tf.avgPool(pixels, SIZE / 2, SIZE / 2, 'valid'), [pixels.shape[0], 4, 3]) as tf.Tensor3D;
  const read = (i: number) => image(i === 0 ? 127 : 255);
  expect(pooled({ length: 2, read }, encode, false).arraySync()).toEqual([
    [0, 0, 0],
    [1, 1, 1],
  ]);
  expect(pooled({ length: 2, read }, encode).arraySync()[1]).toEqual([0.5, 0.5, 0.5]);
});

test('transparent parts are white, and pixels are those of the processor', () => {
  const drawing = new Uint8Array(SIZE * SIZE * 4);
  drawing.set([255, 127, 0, 255]);
  const pixels = pixelsOf(onWhite(drawing), 1);
  expect(pixels.shape).toEqual([1, SIZE, SIZE, 3]);
  expect(Array.from(pixels.dataSync().subarray(0, 4))).toEqual([1, 0, -127 / 128, 1].map((x) => expect.closeTo(x, 5)));
});
