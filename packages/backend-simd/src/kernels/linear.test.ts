import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { expectSame, kernel, named, numbers } from '../test-support/both.js';

test.each([
  [0, 3, 2],
  [1, 7, 9],
  [5, 300, 70],
  [40, 13, 21],
  [197, 801, 26],
])('Linear of [%i,%i] to %i columns, with what is added and applied', (N, I, O) => {
  for (const extra of [[], ['bias'], ['residual'], ['bias', 'residual']]) {
    for (const activation of ['none', 'quick']) {
      expectSame(() => {
        const all = {
          x: tf.tensor2d(numbers([N, I], 1), [N, I]),
          weight: tf.tensor2d(numbers([O, I], 2), [O, I]),
          bias: tf.tensor1d(numbers([O], 3)),
          residual: tf.tensor2d(numbers([N, O], 4), [N, O]),
        };
        if (named('Linear')) {
          const inputs = Object.fromEntries(
            Object.entries(all).filter(([name]) => ['x', 'weight', ...extra].includes(name)),
          );
          return kernel('Linear', inputs, { activation })[0]!;
        }
        const x = activation === 'none' ? all.x : tf.mul(all.x, tf.sigmoid(tf.mul(1.702, all.x)));
        let y: tf.Tensor = tf.matMul(x as tf.Tensor2D, all.weight, false, true);
        if (extra.includes('bias')) y = tf.add(y, all.bias);
        return extra.includes('residual') ? tf.add(y, all.residual) : y;
      }, 5e-5);
    }
  }
});

test('an unknown activation is named', () => {
  const [x, weight] = [tf.zeros([2, 3]), tf.zeros([4, 3])];
  expect(() => kernel('Linear', { x, weight }, { activation: 'snake' })).toThrow("'snake' is not known");
  tf.dispose([x, weight]);
});
