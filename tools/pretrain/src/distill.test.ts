import { flatten, initialize, unflatten, valueAndGrads } from '@blip2/tensor';
import { beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { distillLoss, distillSpec, type Sample } from './distill.js';
import { MOST, NONE } from './identities.js';
import { studentConfig } from './student.js';
import { CELLS, COMPONENTS, STUDENT_SIZE } from './teach.js';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const config = { ...studentConfig, hiddenSize: 8, intermediateSize: 8, layers: 1, heads: 2 };
const [taught, known, emoji] = [2, 2, 3];
const spec = distillSpec(config, emoji);
const begun = () => ({ ...flatten(initialize(spec, 1)), emoji: tf.randomNormal([emoji, 8], 0, 1, 'float32', 2) });

function lesson(labels: number[]): Sample {
  const shares = tf.fill([known, MOST, CELLS], 1 / CELLS) as tf.Tensor3D;
  return {
    pixels: tf.randomUniform([taught + known, STUDENT_SIZE, STUDENT_SIZE, 3], -1, 1, 'float32', 3),
    maps: tf.randomNormal([taught, CELLS, COMPONENTS], 0, 1, 'float32', 4),
    shares,
    labels: tf.tensor1d(labels, 'int32'),
  };
}

test('a place without a drawing counts for nothing', () => {
  const p = unflatten(spec, begun());
  const one = lesson([1, NONE, NONE, NONE, 2, NONE, NONE, NONE]);
  // all shares are the same: the same two labels at other places of their images
  const other = { ...one, labels: tf.tensor1d([NONE, 1, NONE, NONE, NONE, NONE, 2, NONE], 'int32') };
  const identity = (of: Sample): number => distillLoss(p, config, of).identity?.dataSync()[0] as number;
  expect(identity(other)).toBeCloseTo(identity(one), 5);
  expect(
    identity({ ...one, labels: tf.tensor1d([0, NONE, NONE, NONE, 2, NONE, NONE, NONE], 'int32') }),
  ).not.toBeCloseTo(identity(one), 2);
});

test('every weight of student and heads follows the loss, which falls along it', () => {
  const weights = begun();
  const batch = lesson([1, 0, NONE, NONE, 2, NONE, NONE, NONE]);
  const before = valueAndGrads(() => distillLoss(unflatten(spec, weights), config, batch), weights);
  expect(Object.keys(before.grads).sort()).toEqual(Object.keys(weights).sort());
  for (const [path, grad] of Object.entries(before.grads)) {
    expect([path, Number.isFinite(tf.sum(tf.abs(grad)).dataSync()[0])]).toEqual([path, true]);
  }
  const stepped = Object.fromEntries(
    Object.entries(weights).map(([path, x]) => [path, tf.sub(x, tf.mul(1e-5, before.grads[path] as tf.Tensor))]),
  );
  const total = (p: typeof weights): number =>
    distillLoss(unflatten(spec, p), config, batch).total.dataSync()[0] as number;
  expect(total(stepped as typeof weights)).toBeLessThan(total(weights));
});
