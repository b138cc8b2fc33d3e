import { bfloat16ToFloat32, float16ToFloat32 } from '@blip2/tensor/safetensors';
import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { HeapData } from '../data.js';
import { Heap } from '../heap.js';
import { backend } from '../test-support/both.js';
import { writeKernels } from './write.js';

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

test('the bytes of a tensor are lent, and stay where they are when the memory grows', () => {
  const before = tf.memory().numTensors;
  const x = run('Uninitialized', {}, { shape: [2], dtype: 'float32' });
  const lent: Uint8Array[] = [];
  run('Lend', { x }, { to: (all: Uint8Array) => void lent.push(all) }).dispose();
  const [bytes] = lent;
  expect(bytes).toHaveLength(8);
  tf.zeros([2 ** 26]).dispose();
  bytes!.set(new Uint8Array(Float32Array.of(7, -8).buffer));
  expect([...x.dataSync()]).toEqual([7, -8]);
  x.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

test.each([
  ['F16', float16ToFloat32],
  ['BF16', bfloat16ToFloat32],
] as const)('lent memory is widened where it lies, every value of %s', (dtype, widened) => {
  for (const length of [1, 7, 8, 15, 65536]) {
    const halves = Uint16Array.from({ length }, (_, i) => i);
    const expected = new Float32Array(length);
    widened(halves, expected);
    const x = run('Uninitialized', {}, { shape: [length], dtype: 'float32' });
    const after = tf.ones([64]);
    const to = (bytes: Uint8Array, widen: (dtype: string) => void): void => {
      bytes.set(new Uint8Array(halves.buffer), 2 * length);
      widen(dtype);
      expect(new Uint32Array(bytes.slice().buffer)).toEqual(new Uint32Array(expected.buffer));
    };
    run('Lend', { x }, { to }).dispose();
    expect([...after.dataSync()]).toEqual(Array(64).fill(1));
    tf.dispose([x, after]);
  }
});

test('memory that moves when it grows is not lent', () => {
  const data = new HeapData(new Heap({ shared: false, initial: 17 }), 'float32', 2);
  const x = { dataId: {}, shape: [2], dtype: 'float32' as const };
  backend.data.set(x.dataId, data);
  const to = (): never => {
    throw new Error('it was lent');
  };
  const call = { backend, inputs: { x }, attrs: { to } };
  expect(writeKernels.Lend!(call as never)).toEqual(x);
  expect(data.refCount).toBe(2);
});
