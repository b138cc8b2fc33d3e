import { test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { expectSame, numbers } from '../test-support/both.js';

const make = (shape: number[]): tf.Tensor => tf.tensor(numbers(shape, 1), shape);

test('slices with steps, backwards too, and with masks', () => {
  const step = fc.constantFrom(1, 2, 3, -1, -2);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.nat(5), fc.nat(6), step), { minLength: 1, maxLength: 3 }),
      fc.nat(7),
      fc.nat(7),
      (axes, beginMask, endMask) => {
        const shape = axes.map(([n]) => n);
        const begin = axes.map(([n, b]) => b % n);
        const end = axes.map(([n, , e]) => e % (n + 1));
        const steps = axes.map(([, , , s]) => s);
        expectSame(() => tf.stridedSlice(make(shape), begin, end, steps, beginMask, endMask));
      },
    ),
    { numRuns: 80, seed: 10 },
  );
  expectSame(() => tf.stridedSlice(make([4, 5, 6]), [1, 0], [3, 2], [1, 1], 0, 0, 1, 0, 2));
  expectSame(() => tf.stridedSlice(tf.range(0, 9, 1, 'int32'), [8], [0], [-3]));
});

test('reverse along some axes', () => {
  for (const axes of [[0], [1], [2], [0, 2], [0, 1, 2]]) expectSame(() => tf.reverse(make([3, 4, 5]), axes));
  expectSame(() => tf.reverse(make([0, 4]), 0));
  expectSame(() => tf.reverse(tf.tensor1d([1, 2, 3], 'int32')));
});
