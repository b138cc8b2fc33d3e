import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import type { SimdBackend } from './backend.js';
import type { StoredValues } from './data.js';
import { register } from './register.js';

let backend: SimdBackend;
beforeAll(async () => {
  backend = await register({ threads: 2 });
  await tf.setBackend('simd');
});
afterAll(() => tf.removeBackend('simd'));

/** Numbers that count how many of them were asked for. */
function stored(values: Float32Array): StoredValues & { asked: number } {
  const here = {
    length: values.length,
    asked: 0,
    fill(target: Float32Array, begin: number) {
      here.asked += target.length;
      target.set(values.subarray(begin, begin + target.length));
    },
  };
  return here;
}

const outside = (values: StoredValues, shape: number[]): tf.Tensor =>
  tf.engine().runKernel('Outside', {}, { stored: values, shape } as never) as tf.Tensor;
const random = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);

test.each<[string, (w: tf.Tensor2D, x: tf.Tensor2D) => tf.Tensor]>([
  ['a product', (w, x) => tf.matMul(x, w, false, true)],
  ['a product with one row', (w, x) => tf.matMul(tf.slice(x, [0, 0], [1, 24]), w, false, true)],
  ['both sides of a product', (w) => tf.matMul(w, w, false, true)],
  ['its other shape', (w) => tf.add(tf.reshape(w, [24, 40]), 1)],
  ['its transpose', (w) => tf.transpose(w)],
  ['a reduction', (w) => tf.sum(w, 1)],
  ['what only the cpu has', (w) => tf.cumprod(w, 1)],
  ['what is read', (w) => w.clone()],
  ['a gradient', (w, x) => tf.grad((y) => tf.matMul(y as tf.Tensor2D, w, false, true).square())(x)],
])('%s is what it is of a tensor in the heap, and gives back what it was lent', (_, f) => {
  const x = random([7, 24], 1) as tf.Tensor2D;
  const inHeap = random([40, 24], 2) as tf.Tensor2D;
  const w = outside(stored(inHeap.dataSync() as Float32Array), [40, 24]) as tf.Tensor2D;
  const expected = tf.tidy(() => f(inHeap, x).dataSync());
  const live = backend.memory().heap.live;
  const y = tf.tidy(() => f(w, x));
  expect(y.dataSync()).toEqual(expected);
  y.dispose();
  expect(backend.memory().heap.live).toBe(live);
  w.dispose();
  expect(backend.memory().heap.live).toBe(live);
  tf.dispose([x, inHeap]);
});

test('of a table only the rows that are looked up are asked for', () => {
  const table = random([100, 8], 3);
  const kept = stored(table.dataSync() as Float32Array);
  const w = outside(kept, [100, 8]);
  const ids = tf.tensor2d(
    [
      [3, 99],
      [0, 3],
    ],
    [2, 2],
    'int32',
  );
  expect(tf.gather(w, ids).dataSync()).toEqual(tf.gather(table, ids).dataSync());
  expect(kept.asked).toBe(4 * 8);
  expect(() => tf.gather(w, tf.tensor1d([100], 'int32'))).toThrow('100');
});

test('outside a kernel there is no pointer', () => {
  const w = outside(stored(Float32Array.of(1, 2)), [2]);
  expect(() => backend.pointer(w)).toThrow('only while a kernel runs');
  expect([...w.dataSync()]).toEqual([1, 2]);
});

test.each(['F16', 'BF16'] as const)('every %s is widened to the bit', (dtype) => {
  const all = Uint16Array.from({ length: 65536 + 5 }, (_, i) => i);
  const exact = (half: number): number => {
    if (dtype === 'BF16') return half * 65536;
    const [sign, exponent, fraction] = [(half & 0x8000) * 65536, (half >> 10) & 31, half & 1023];
    if (exponent === 31) return sign + 0x7f800000 + fraction * 8192;
    const value = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    return sign + (new Uint32Array(Float32Array.of(value).buffer)[0] as number);
  };
  const halves = { dtype, bytes: new Uint8Array(all.buffer) };
  const fill = (): never => {
    throw new Error('not asked for');
  };
  const w = outside({ length: all.length, fill, halves }, [all.length]);
  const lent = backend.runKernel(() => {
    const begin = backend.pointer(w) / 4;
    return new Uint32Array(backend.heap.buffer).slice(begin, begin + all.length);
  });
  const expected = Uint32Array.from(all, exact);
  expect(lent).toEqual(expected);
});
