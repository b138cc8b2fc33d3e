import '../test-support/both.js';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';

const run = (name: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor =>
  tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor;

test('a tensor is filled piece by piece, in place', () => {
  const before = tf.memory().numTensors;
  const x = run('Uninitialized', {}, { shape: [3], dtype: 'int32' });
  const bytes = new Uint8Array(Int32Array.of(7, -8, 9).buffer);
  for (const [from, to] of [
    [5, 12],
    [0, 5],
  ] as const) {
    run('WriteBytes', { x }, { bytes: bytes.subarray(from, to), at: from }).dispose();
  }
  expect([...x.dataSync()]).toEqual([7, -8, 9]);
  x.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test.each([
  [12, 1],
  [-1, 1],
  [8, 5],
  [0.5, 1],
  [Number.NaN, 1],
])('nothing is written beyond it: at %d, %d bytes', (at, length) => {
  const x = tf.tensor1d([1, 2, 3], 'int32');
  expect(() => run('WriteBytes', { x }, { bytes: new Uint8Array(length).fill(9), at })).toThrow(
    'does not fit into the 12 bytes of the tensor',
  );
  expect([...x.dataSync()]).toEqual([1, 2, 3]);
  x.dispose();
});
