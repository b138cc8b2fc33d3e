import { dispose, initialize } from '@blip2/tensor';
import { checkGradients, expectNoLeak } from '@blip2/testing';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { adapterSpec, composePrompt, project } from './adapter.js';
import { labelsOf } from './labels.js';

test('the projection begins as a linear layer of PyTorch', () => {
  const p = initialize(adapterSpec(64, 48), 1);
  const values = [...p.language_projection.weight.dataSync()];
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1 / 8);
  expect(deviation).toBeCloseTo(1 / 8 / Math.sqrt(3), 2);
  const bias = p.language_projection.bias!.dataSync();
  expect(Math.max(...bias.map(Math.abs))).toBeGreaterThan(1 / 16);
  dispose(p);
});

test('the projection is differentiable by weights and queries', () => {
  tf.tidy(() => {
    const z = tf.randomNormal([2, 3, 4], 0, 1, 'float32', 1);
    const weight = tf.randomNormal([5, 4], 0, 1, 'float32', 2);
    const bias = tf.randomNormal([5], 0, 1, 'float32', 3);
    const fn = (z: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
      tf.square(project({ language_projection: { weight, bias } }, z));
    checkGradients(fn, [z, weight, bias]);
  });
});

test('parts lie one after the other, and a part without a mask counts as a whole', async () => {
  await expectNoLeak(() => {
    const soft = tf.ones([2, 2, 3]);
    const text = tf.zeros([2, 1, 3]);
    const mask = tf.tensor2d([[0], [1]]);
    const whole = composePrompt([{ embeddings: soft }, { embeddings: text, mask }, { embeddings: soft }]);
    expect(whole.embeddings.shape).toEqual([2, 5, 3]);
    expect(whole.mask?.arraySync()).toEqual([
      [1, 1, 0, 1, 1],
      [1, 1, 1, 1, 1],
    ]);
    const plain = composePrompt([{ embeddings: soft }, { embeddings: text }]);
    expect(plain.mask).toBeUndefined();
    dispose([soft, text, mask, whole.embeddings, whole.mask!, plain.embeddings]);
  });
});

test('parts that do not fit are named by their shapes', () => {
  tf.tidy(() => {
    const soft = tf.ones([2, 2, 3]);
    expect(() => composePrompt([{ embeddings: soft }, { embeddings: tf.ones([2, 2, 4]) }])).toThrow(
      '[2,2,4] beside [2,L,3]',
    );
    expect(() => composePrompt([{ embeddings: soft, mask: tf.ones([2, 3]) }])).toThrow('must be [2,2], not [2,3]');
    expect(() => composePrompt([])).toThrow('at least one part');
  });
});

test('labels leave out what is masked and what is skipped', async () => {
  await expectNoLeak(() => {
    const ids = tf.tensor2d(
      [
        [2, 5, 6],
        [2, 7, 1],
      ],
      undefined,
      'int32',
    );
    const mask = tf.tensor2d([
      [1, 1, 1],
      [1, 1, 0],
    ]);
    const labels = labelsOf(ids, { mask, skip: 1 });
    expect(labels.arraySync()).toEqual([
      [-100, 5, 6],
      [-100, 7, -100],
    ]);
    expect(labels.dtype).toBe('int32');
    const flat = tf.tensor1d([1]);
    expect(() => labelsOf(flat)).toThrow('ids [B,T]');
    dispose([flat, ids, mask, labels]);
  });
});
