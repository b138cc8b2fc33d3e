import { readFileSync } from 'node:fs';
import { openSafetensors } from '@blip2/tensor/safetensors';
import { checkGradients, expectClose, expectNoLeak, fixture } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { heldOutMargin, itg, itm, lm, phrases, prefixLm, prefixSplit, smoothingFloor } from './index.js';

const rows = [
  [2, 0.5, -1, 0],
  [0, 1, 2, -1],
  [0.3, 0.1, 0.2, 0.4],
];

test('smoothed cross-entropy with an ignored label meets a value worked by hand', () => {
  const labels = tf.tensor2d([[0, 3, -100]], [1, 3], 'int32');
  expectClose(lm(tf.tensor3d([rows]), labels, { smoothing: 0.1, shift: false }), [1.8975196], 1e-6);
});

test('the caption loss meets the reference', async () => {
  const golden = await openSafetensors(fixture('stage1/golden.safetensors'));
  const { config, losses } = JSON.parse(readFileSync(fixture('stage1/golden.json'), 'utf8'));
  const logits = tf.tensor3d(await golden.read('itg_logits'), [6, 12, 120]);
  const ids = tf.tensor2d(Int32Array.from(await golden.read('input_ids')), [6, 12], 'int32');
  expectClose(itg(logits, ids, { pad: config.pad_token_id }), [losses.itg], 1e-5);
  await golden.close();
});

test('shifted labels judge the position before them', () => {
  const logits = tf.tensor3d([rows, rows]);
  const labels = tf.tensor2d(
    [
      [1, 0, 3],
      [2, 2, -100],
    ],
    [2, 3],
    'int32',
  );
  const logp = tf.logSoftmax(tf.tensor2d(rows)).arraySync() as number[][];
  const expected = -(logp[0]![0]! + logp[1]![3]! + logp[0]![2]!) / 3;
  expectClose(lm(logits, labels), [expected], 1e-6);
  expectClose(
    lm(logits, labels, { shift: false }),
    [-(logp[1]![0]! + logp[0]![1]! + logp[2]![3]! + logp[0]![2]! + logp[1]![2]!) / 5],
    1e-6,
  );
});

test.each([true, false])('labels count by their weights, shifted: %p', (shift) => {
  const logits = tf.tensor3d([rows, rows]);
  const labels = tf.tensor2d(
    [
      [1, 0, 3],
      [2, -100, 1],
    ],
    [2, 3],
    'int32',
  );
  const weights = [
    [1, 0.5, 0],
    [0.25, 3, 2],
  ];
  const logp = tf.logSoftmax(tf.tensor2d(rows)).arraySync() as number[][];
  const expected = shift
    ? -(0.5 * logp[0]![0]! + 2 * logp[1]![1]!) / 2.5
    : -(logp[0]![1]! + 0.5 * logp[1]![0]! + 0.25 * logp[0]![2]! + 2 * logp[2]![1]!) / 3.75;
  const loss = (x: tf.Tensor) => lm(x as tf.Tensor3D, labels, { shift, weights: tf.tensor2d(weights) });
  expectClose(loss(logits), [expected], 1e-6);
  checkGradients(loss, [logits]);
  expectClose(lm(logits, labels, { shift, weights: tf.ones([2, 3]) }), lm(logits, labels, { shift }).dataSync(), 1e-6);
  expectClose(lm(logits, labels, { shift, weights: tf.zeros([2, 3]) }), [0], 0);
  expect(() => lm(logits, labels, { weights: tf.ones([2, 2]) })).toThrow(
    'Labels [2,3] need weights of that shape, not [2,2].',
  );
});

test('a held-out token is kept within the margin of its label, where there is one', async () => {
  const logits = tf.tensor3d([rows, rows]);
  const labels = tf.tensor2d(
    [
      [0, 2, -100],
      [0, 2, 3],
    ],
    [2, 3],
    'int32',
  );
  const heldOut = tf.tensor2d(
    [
      [2, -1, 1],
      [1, 3, 0],
    ],
    [2, 3],
    'int32',
  );
  // differences of 3 (2 over 1), none, ignored; 1.5 (0.5 over), 3 (2 over), 0.1 (none)
  const margin = 1;
  expectClose(heldOutMargin(logits, labels, heldOut, { margin }), [(4 + 0.25 + 4) / 5], 1e-5);
  const weights = tf.tensor2d([
    [0.5, 1, 1],
    [1, 0, 2],
  ]);
  expectClose(heldOutMargin(logits, labels, heldOut, { margin, weights }), [(2 + 0.25) / 4.5], 1e-5);
  expectClose(heldOutMargin(logits, labels, heldOut), [0], 0);
  checkGradients((x) => heldOutMargin(x as tf.Tensor3D, labels, heldOut, { margin, weights }), [logits]);
  await expectNoLeak(() => heldOutMargin(logits, labels, heldOut, { margin, weights }).dispose());
  expect(() => heldOutMargin(logits, labels, tf.ones([2, 2], 'int32'))).toThrow(
    'need labels and held-out tokens [2,3]',
  );
});

test('a prefix is read but not judged', () => {
  const logits = tf.tensor3d([rows, rows]);
  const labels = tf.tensor2d(
    [
      [1, 0, 3],
      [2, 2, 1],
    ],
    [2, 3],
    'int32',
  );
  const masked = tf.tensor2d(
    [
      [-100, -100, 3],
      [-100, 2, 1],
    ],
    [2, 3],
    'int32',
  );
  const prefix = tf.tensor1d([2, 1], 'int32');
  expectClose(prefixLm(logits, labels, { prefix }), lm(logits, masked).dataSync(), 1e-7);
});

test('labels that are all ignored cost nothing', () => {
  expect(lm(tf.tensor3d([rows]), tf.fill([1, 3], -100, 'int32')).dataSync()[0]).toBe(0);
});

test('gradients agree with differences', () => {
  const labels = tf.tensor2d(
    [
      [1, 0, 3],
      [2, 2, 0],
    ],
    [2, 3],
    'int32',
  );
  const logits = tf.tensor3d([rows, rows]);
  checkGradients((x) => itg(x as tf.Tensor3D, labels), [logits]);
  checkGradients((x) => lm(x as tf.Tensor3D, labels, { shift: false }), [logits]);
  checkGradients((x) => itm(x as tf.Tensor2D), [tf.tensor2d(rows).reshape([6, 2])]);
});

test('the loss of a perfect smoothed answer is the floor, and no answer is below it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.double({ min: 0, max: 0.5, noNaN: true }), (V, smoothing) => {
      const target = tf.add(tf.oneHot(tf.tensor1d([0], 'int32'), V).mul(1 - smoothing), smoothing / V + 1e-9);
      const perfect = tf.tidy(() =>
        lm(tf.log(target).reshape([1, 1, V]), tf.zeros([1, 1], 'int32'), { smoothing, shift: false }),
      );
      const other = tf.tidy(() => lm(tf.ones([1, 1, V]), tf.zeros([1, 1], 'int32'), { smoothing, shift: false }));
      expect(perfect.dataSync()[0]).toBeCloseTo(smoothingFloor(V, smoothing), 4);
      expect(other.dataSync()[0]!).toBeGreaterThanOrEqual(smoothingFloor(V, smoothing) - 1e-6);
    }),
    { numRuns: 30, seed: 1 },
  );
  expect(smoothingFloor(5, 0)).toBeCloseTo(0, 12);
});

test('a text is cut between words, and nothing of it is lost', () => {
  const word = fc.stringMatching(/^[a-z]{1,6}$/);
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 8 }), fc.nat(), (words, seed) => {
      const { prefix, suffix } = prefixSplit(words, seed);
      expect([prefix, suffix].filter(Boolean).join(' ')).toBe(words.join(' '));
      expect(suffix).not.toBe('');
      expect(prefixSplit(words.join('  '), seed)).toEqual({ prefix, suffix });
    }),
    { seed: 1 },
  );
  const cuts = new Set(Array.from({ length: 60 }, (_, seed) => prefixSplit('a cat on a mat', seed).prefix));
  expect(cuts.size).toBe(5);
});

test('shapes that do not belong together are refused', () => {
  expect(() => lm(tf.zeros([2, 3, 4]), tf.zeros([2, 2], 'int32'))).toThrow(/need labels \[2,3\]/);
  const prefix = tf.tensor1d([1], 'int32');
  expect(() => prefixLm(tf.zeros([2, 3, 4]), tf.zeros([2, 3], 'int32'), { prefix })).toThrow(/of 2 rows/);
});

test('nothing is left alive', async () => {
  const logits = tf.tensor3d([rows, rows]);
  const labels = tf.tensor2d(
    [
      [1, 0, 3],
      [2, 2, 0],
    ],
    [2, 3],
    'int32',
  );
  const prefix = tf.tensor1d([2, 1], 'int32');
  await expectNoLeak(() => tf.dispose([itg(logits, labels), lm(logits, labels), prefixLm(logits, labels, { prefix })]));
  await expectNoLeak(() => tf.dispose(tf.grad((x) => itg(x as tf.Tensor3D, labels))(logits)));
});

test('a phrase may be told by any of the vectors, but by one', async () => {
  const logits = tf.tensor3d([rows, [...rows].reverse()]);
  const ids = tf.tensor3d(
    [
      [
        [1, 3],
        [2, 0],
      ],
      [
        [2, 2],
        [0, 0],
      ],
    ],
    undefined,
    'int32',
  );
  const mask = tf.tensor3d(
    [
      [
        [1, 1],
        [1, 0],
      ],
      [
        [1, 1],
        [0, 0],
      ],
    ],
    undefined,
    'int32',
  );
  const p = rows.map((row) => row.map((x) => Math.exp(x) / row.reduce((sum, y) => sum + Math.exp(y), 0)));
  const told = (...words: number[]): number =>
    -Math.log(p.reduce((sum, q) => sum + words.reduce((product, w) => product * q[w]!, 1), 0) / 3) / words.length;
  expectClose(phrases(logits, ids, mask), [(told(1, 3) + told(2) + told(2, 2)) / 3], 1e-5);
  checkGradients((x) => phrases(x as tf.Tensor3D, ids, mask), [logits]);
  expect(() => phrases(logits, ids, tf.ones([2, 2, 1], 'int32'))).toThrow('need ids and a mask [2,P,K]');
  await expectNoLeak(() => phrases(logits, ids, mask).dispose());
  // held-out words are left out of the softmax: 3 for the second phrase of the first image, 0 for that of the second
  const heldOut = tf.tensor2d([-1, 3, 0, -1], [2, 2], 'int32');
  const without = (word: number) =>
    tf.sub(logits, tf.mul(tf.oneHot(tf.scalar(word, 'int32'), logits.shape[2]), 1e9)) as tf.Tensor3D;
  const alone = (of: tf.Tensor3D, kept: number[][]): number => {
    const rows = tf.tensor3d(kept.map((row) => row.map((phrase) => Array(ids.shape[2]).fill(phrase))));
    return phrases(of, ids, tf.mul(mask, tf.cast(rows, 'int32')) as tf.Tensor3D).dataSync()[0]!;
  };
  const parts = [
    alone(logits, [
      [1, 0],
      [0, 0],
    ]),
    alone(without(3), [
      [0, 1],
      [0, 0],
    ]),
    alone(without(0), [
      [0, 0],
      [1, 0],
    ]),
    alone(logits, [
      [0, 0],
      [0, 1],
    ]),
  ].filter((loss) => loss > 0);
  expectClose(
    phrases(logits, ids, mask, { heldOut }),
    [parts.reduce((sum, loss) => sum + loss, 0) / parts.length],
    1e-5,
  );
  checkGradients((x) => phrases(x as tf.Tensor3D, ids, mask, { heldOut }), [logits]);
});
