import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { expectSame, kernel, named, numbers } from '../test-support/both.js';

const cdf = (x: tf.Tensor): tf.Tensor => tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));
const forms: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  erf: (x) => tf.mul(x, cdf(x)),
  tanh: (x) => {
    const argument = tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.mul(x, tf.mul(x, x)))));
    return tf.mul(tf.mul(0.5, x), tf.add(1, tf.tanh(argument)));
  },
  quick: (x) => tf.mul(x, tf.sigmoid(tf.mul(1.702, x))),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
};

test.each(Object.entries(forms))('an activation and its gradient: %s', (approximate, composed) => {
  for (const shape of [[0], [7], [61, 157]]) {
    const make = (): [tf.Tensor, tf.Tensor] => [
      tf.tensor(numbers(shape, 1, 5), shape),
      tf.tensor(numbers(shape, 2), shape),
    ];
    expectSame(() => {
      const [x] = make();
      return named('Gelu') ? kernel('Gelu', { x }, { approximate })[0]! : composed(x);
    }, 3e-6);
    expectSame(() => {
      const [x, dy] = make();
      if (named('GeluGrad')) return kernel('GeluGrad', { dy, x }, { approximate })[0]!;
      return tf.grad((x) => tf.sum(tf.mul(composed(x), dy)))(x);
    }, 3e-6);
  }
});

test.each(Object.entries(forms))('a gated product and its gradients: %s', (approximate, composed) => {
  for (const shape of [[0, 3], [7], [61, 157]]) {
    const make = (): tf.Tensor[] => [1, 2, 3].map((seed) => tf.tensor(numbers(shape, seed, 4), shape));
    expectSame(() => {
      const [x, gate] = make() as [tf.Tensor, tf.Tensor];
      return named('Gated') ? kernel('Gated', { x, gate }, { approximate })[0]! : tf.mul(x, composed(gate));
    }, 3e-6);
    expectSame(() => {
      const [x, gate, dy] = make() as [tf.Tensor, tf.Tensor, tf.Tensor];
      if (named('GatedGrad')) return kernel('GatedGrad', { dy, x, gate }, { approximate });
      return tf.grads((x, gate) => tf.sum(tf.mul(tf.mul(x!, composed(gate!)), dy)))([x, gate]);
    }, 5e-6);
  }
});

test('a form that is not known is refused', () => {
  expect(() => tf.tidy(() => kernel('Gelu', { x: tf.ones([2]) }, { approximate: 'gleu' }))).toThrow(
    "'gleu' is not known",
  );
});
