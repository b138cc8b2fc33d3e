import { openSafetensors } from '@blip2/tensor/safetensors';
import { checkGradients, expectClose, expectNoLeak, fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { hardNegatives, itc, itm, negativeWeights, similarity } from './index.js';

// Worked by hand: three pairs, two queries, width two.
const image = tf.tensor3d([
  [
    [1, 0],
    [0, 1],
  ],
  [
    [0.6, 0.8],
    [-1, 0],
  ],
  [
    [0.8, -0.6],
    [0, -1],
  ],
]);
const text = tf.tensor2d([
  [0.8, 0.6],
  [0, 1],
  [0.96, -0.28],
]);
const temperature = tf.scalar(0.07);
const inputs = { imageFeatures: image, textFeatures: text, temperature };
const simI2T = [11.428571, 14.285714, 13.714286, 13.714286, 11.428571, 5.028571, 4, -8.571429, 13.371429];
const simT2I = [11.428571, 13.714286, 4, 14.285714, 11.428571, -8.571429, 13.714286, 5.028571, 13.371429];

test('the contrastive loss meets values worked by hand', () => {
  const out = itc(inputs);
  expectClose(out.loss, [2.3196101], 1e-5);
  expectClose(out.simI2T, simI2T, 1e-4);
  expectClose(out.simT2I, simT2I, 1e-4);
});

test('weights of negatives meet values worked by hand', () => {
  const i2t = [0, 0.639093, 0.360907, 0.999831, 0, 0.000169, 0.999997, 0.000003, 0];
  const t2i = [0, 0.99994, 0.00006, 1, 0, 0, 0.999831, 0.000169, 0];
  expectClose(negativeWeights(tf.tensor2d(simI2T, [3, 3])), i2t, 1e-5);
  expectClose(negativeWeights(tf.tensor2d(simT2I, [3, 3])), t2i, 1e-5);
});

test('similarities, weights and loss meet the reference', async () => {
  const golden = await openSafetensors(fixture('stage1/golden.safetensors'));
  const model = await openSafetensors(fixture('stage1/model.safetensors'));
  const read = async (name: string) => tf.tensor(await golden.read(name), [...golden.names.get(name)!.shape]);
  const out = itc({
    imageFeatures: (await read('image_feats')) as tf.Tensor3D,
    textFeatures: (await read('text_feat')) as tf.Tensor2D,
    temperature: tf.scalar((await model.read('temp'))[0]!),
  });
  expectClose(out.simI2T, await golden.read('sim_i2t'), 1e-5);
  expectClose(out.simT2I, await golden.read('sim_t2i'), 1e-5);
  expectClose(negativeWeights(out.simI2T), await golden.read('weights_i2t'), 1e-5);
  expectClose(negativeWeights(out.simT2I), await golden.read('weights_t2i'), 1e-5);
  expectClose(out.loss, [1.8360857963562012], 1e-5);
  expectClose(itm((await read('itm_logits')) as tf.Tensor2D), [0.6697433590888977], 1e-6);
  await Promise.all([golden.close(), model.close()]);
});

test('gradients reach both sides and the temperature', () => {
  const warm = tf.scalar(0.5);
  const loss = (i: tf.Tensor, t: tf.Tensor, temperature: tf.Tensor) =>
    itc({ imageFeatures: i as tf.Tensor3D, textFeatures: t as tf.Tensor2D, temperature: temperature as tf.Scalar })
      .loss;
  checkGradients(loss, [tf.mul(image, 0.9), tf.mul(text, 0.9), warm], { step: 1e-3 });
});

test('with stopped candidates images learn from image-to-text only', () => {
  const gradients = (offset: number, gather: 'full' | 'stop') =>
    tf.grads(
      (i, t) => itc({ ...inputs, imageFeatures: i as tf.Tensor3D, textFeatures: t as tf.Tensor2D }, { gather }).loss,
    )([image, text])[offset] as tf.Tensor;
  const byHand = tf.grad((i) => {
    const sim = tf.div(similarity(i as tf.Tensor3D, text), temperature);
    const target = tf.add(tf.mul(0.9, tf.eye(3)), 0.1 / 3);
    return tf.mul(-0.5 / 3, tf.sum(tf.mul(target, tf.logSoftmax(sim))));
  })(image);
  expectClose(gradients(0, 'stop'), byHand, 1e-4);
  expect(tf.max(tf.abs(tf.sub(gradients(0, 'full'), byHand))).dataSync()[0]).toBeGreaterThan(0.1);
  expect(tf.max(tf.abs(gradients(1, 'stop'))).dataSync()[0]).toBeGreaterThan(0.1);
});

test('two processes that gather have the loss of one with the whole batch', () => {
  const gathered = {
    image: tf.concat([image, tf.reverse(image, 0)]) as tf.Tensor3D,
    text: tf.concat([text, text]) as tf.Tensor2D,
  };
  const parts = [0, 3].map((offset) => {
    const own = { ...inputs, imageFeatures: tf.slice(gathered.image, [offset, 0, 0], [3, 2, 2]), textFeatures: text };
    return itc(own, { gathered, offset, gather: 'stop' }).loss.dataSync()[0]!;
  });
  const whole = itc({ ...inputs, imageFeatures: gathered.image, textFeatures: gathered.text }).loss.dataSync()[0]!;
  expect((parts[0]! + parts[1]!) / 2).toBeCloseTo(whole, 5);
});

test('texts of one image share the target', () => {
  const distinct = itc(inputs, { imageIds: { batch: tf.tensor1d([7, 8, 9], 'int32') } });
  expectClose(distinct.loss, [2.3196101], 1e-5);
  const shared = itc(inputs, { smoothing: 0, imageIds: { batch: tf.tensor1d([7, 7, 9], 'int32') } });
  const target = tf.tensor2d([
    [0.5, 0.5, 0],
    [0.5, 0.5, 0],
    [0, 0, 1],
  ]);
  const ce = (sim: number[]) => tf.neg(tf.sum(tf.mul(target, tf.logSoftmax(tf.tensor2d(sim, [3, 3])))));
  expectClose(shared.loss, tf.div(tf.add(ce(simI2T), ce(simT2I)), 6).dataSync(), 1e-5);
});

test('negative texts are candidates of image-to-text alone, and learn from it', () => {
  const more = tf.tensor2d([
    [0.6, -0.8],
    [-1, 0],
  ]);
  const further = [
    [0.6, -1], // of each query with them
    [-0.8, 0],
    [-0.28, -0.6],
    [-0.6, 1],
    [0.96, -0.8],
    [0.8, 0],
  ];
  const best = [0, 1, 2].map((i) => [0, 1].map((k) => Math.max(further[2 * i]![k]!, further[2 * i + 1]![k]!) / 0.07));
  const rows = (sim: number[]): number[][] => [0, 1, 2].map((i) => sim.slice(3 * i, 3 * i + 3));
  const ce = (all: number[][]): number => {
    const losses = all.map((row, i) => {
      const sum = Math.log(row.reduce((total, x) => total + Math.exp(x), 0));
      return row.reduce((total, x, j) => total + ((i === j ? 0.9 : 0) + 0.1 / row.length) * (sum - x), 0);
    });
    return losses.reduce((a, b) => a + b) / 3;
  };
  const expected = (ce(rows(simI2T).map((row, i) => [...row, ...best[i]!])) + ce(rows(simT2I))) / 2;
  const ids = { batch: tf.tensor1d([7, 8, 9], 'int32') };
  expectClose(itc(inputs, { negativeTexts: more }).loss, [expected], 1e-4);
  expectClose(itc(inputs, { negativeTexts: more, imageIds: ids }).loss, [expected], 1e-4);
  expect(itc(inputs, { negativeTexts: more }).simI2T.shape).toEqual([3, 3]);
  checkGradients((texts) => itc(inputs, { negativeTexts: texts as tf.Tensor2D }).loss, [more]);
});

test('equal queries share no gradient', () => {
  const duplicates = tf.tensor3d([
    [
      [1, 0],
      [1, 0],
    ],
  ]);
  const gradient = tf.grad((i) => tf.sum(similarity(i as tf.Tensor3D, tf.tensor2d([[0.8, 0.6]]))))(duplicates);
  expectClose(gradient, [0.8, 0.6, 0, 0], 1e-6);
});

test('negatives are drawn as often as their weights say', () => {
  const sim = tf.tensor2d([
    [9, 1, 2, 0.5],
    [1, 9, 1, 3],
    [0, 0, 9, 0],
    [2, 2.5, 1, 9],
  ]);
  const weights = negativeWeights(sim).dataSync();
  const draws = 2000;
  const counts = new Float64Array(16);
  for (let seed = 0; seed < draws; seed++) {
    tf.tidy(() => hardNegatives(sim, { seed }))
      .dataSync()
      .forEach((column, row) => {
        counts[row * 4 + column]! += 1;
      });
  }
  let chiSquare = 0;
  for (let i = 0; i < 16; i++) {
    if (i % 5 === 0) expect(counts[i]).toBe(0);
    else chiSquare += (counts[i]! - draws * weights[i]!) ** 2 / (draws * weights[i]!);
  }
  expect(chiSquare).toBeLessThan(26.1); // 8 degrees of freedom: one in a thousand is larger
});

test('a draw is repeatable and never an excluded candidate', () => {
  const sim = tf.randomNormal([5, 10], 0, 3, 'float32', 4) as tf.Tensor2D;
  const exclude = {
    rows: tf.tensor1d([1, 1, 2, 3, 3], 'int32'),
    columns: tf.tensor1d([1, 1, 2, 3, 3, 1, 2, 2, 3, 4], 'int32'),
  };
  for (let seed = 0; seed < 50; seed++) {
    const drawn = hardNegatives(sim, { seed, exclude });
    expect(drawn.dtype).toBe('int32');
    const columns = exclude.columns.dataSync();
    expect([...drawn.dataSync()].some((column, row) => columns[column] === exclude.rows.dataSync()[row])).toBe(false);
    expect([...hardNegatives(sim, { seed, exclude }).dataSync()]).toEqual([...drawn.dataSync()]);
    const offset = hardNegatives(sim, { seed, exclude: { offset: 5 } }).dataSync();
    expect([...offset].some((column, row) => column === row + 5)).toBe(false);
  }
});

test('drawing inside a loss records no gradient', () => {
  const gradient = tf.grad((x) => {
    const sim = tf.matMul(x as tf.Tensor2D, x as tf.Tensor2D, false, true);
    return tf.sum(tf.gather(x, hardNegatives(sim as tf.Tensor2D, { seed: 3 })));
  })(tf.eye(3));
  expect(tf.sum(gradient).dataSync()[0]).toBe(9);
});

test('one query alone is the largest', () => {
  const one = tf.slice(image, [0, 0, 0], [3, 1, 2]);
  const gradient = tf.grad((x) => similarity(x as tf.Tensor3D, text))(one);
  expectClose(gradient, [1.76, 1.32, 1.76, 1.32, 1.76, 1.32], 1e-6); // the sum of the texts, for each image
});

test('what cannot be is refused with a sentence', () => {
  expect(() => hardNegatives(tf.tensor2d([[1]]), { seed: 0 })).toThrow(/at least two pairs/);
  expect(() => hardNegatives(tf.zeros([2, 3]), { seed: 0, exclude: { offset: 2 } })).toThrow(
    /outside the 3 candidates/,
  );
  expect(() => itc(inputs, { offset: 1 })).toThrow(/outside the 3 candidates/);
  expect(() => itc({ ...inputs, textFeatures: tf.zeros([2, 2]) })).toThrow(/a text for each of 3 images/);
  expect(() => similarity(image, tf.zeros([2, 3]))).toThrow(/same width/);
  expect(() => itm(tf.zeros([4, 2]))).toThrow(/\[3B,2\]/);
});

test('nothing is left alive', async () => {
  const sim = tf.tensor2d(simI2T, [3, 3]);
  const imageIds = { batch: tf.tensor1d([7, 7, 9], 'int32') };
  await expectNoLeak(() => itc(inputs), 3);
  await expectNoLeak(() => itc(inputs, { imageIds, gather: 'stop' }), 3);
  await expectNoLeak(() => tf.dispose(hardNegatives(sim, { seed: 1 })));
  await expectNoLeak(() =>
    tf.dispose(
      tf.grads((t) => itc({ ...inputs, temperature: t as tf.Scalar }, { gather: 'stop' }).loss)([temperature]),
    ),
  );
});
