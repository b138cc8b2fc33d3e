import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import {
  activation,
  crossEntropy,
  dispose,
  dropout,
  embedding,
  embeddingSpec,
  gated,
  gelu,
  initialize,
  keepsElement,
  l2Normalize,
  layerNorm,
  layerNormSpec,
  linear,
  linearSpec,
  normal,
  rmsNorm,
  rmsNormSpec,
  rng,
} from './index.js';

const random = (shape: number[], seed: number): tf.Tensor => tf.tensor(normal(1)(shape, rng(seed)), shape);

test('linear: y = x Wᵀ + b over any leading axes', async () => {
  const p = {
    weight: tf.tensor2d([
      [1, 2, 3],
      [4, 5, 6],
    ]),
    bias: tf.tensor1d([0.5, -0.5]),
  };
  const x = tf.tensor([1, 0, 1, 0, 1, 0, 1, 1, 1, 2, 0, 0], [2, 2, 3]);
  await expectNoLeak(() => {
    const y = linear(p, x);
    expect(y.shape).toEqual([2, 2, 2]);
    expectClose(y, [4.5, 9.5, 2.5, 4.5, 6.5, 14.5, 2.5, 7.5]);
    y.dispose();
  });
  expect(() => linear(p, tf.ones([2, 4]))).toThrow('A linear layer of 3 inputs needs x [...,3], not [2,4].');
});

test('linear: gradients by input, weight and bias, with and without bias', () => {
  const inputs = [random([2, 3, 4], 1), random([5, 4], 2), random([5], 3)];
  checkGradients((x, weight, bias) => tf.square(linear({ weight: weight!, bias: bias! }, x!)), inputs);
  checkGradients((x, weight) => tf.square(linear({ weight: weight! }, x!)), inputs.slice(0, 2));
});

describe('linear of an activation, with a residual', () => {
  const inputs = [random([2, 3], 1), random([4, 3], 2), random([4], 3), random([2, 4], 4)];
  const of = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, residual: tf.Tensor): tf.Tensor =>
    linear({ weight, bias }, x, { activation: 'gelu', residual });
  const apart = (x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, residual: tf.Tensor): tf.Tensor =>
    tf.add(linear({ weight, bias }, gelu(x)), residual);
  const slope = random([2, 4], 5);
  const gradsOf = (f: typeof of): tf.Tensor[] =>
    tf.grads((x, w, b, r) => tf.sum(tf.mul(slope, f(x!, w!, b!, r!))))(inputs);

  test.each(['composed', 'as a kernel of its own'])('%s: value and gradients', (way) => {
    const [x, w, b, r] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
    const [value, grads] = [apart(x, w, b, r), gradsOf(apart)];
    if (way !== 'composed') registerLinear();
    try {
      expectClose(of(x, w, b, r), value);
      for (const [i, grad] of gradsOf(of).entries()) expectClose(grad, grads[i]!);
    } finally {
      if (way !== 'composed') tf.unregisterKernel('Linear', 'cpu');
    }
  });

  /** What a backend may have: its gradient is this package's. */
  function registerLinear(): void {
    tf.registerKernel({
      kernelName: 'Linear',
      backendName: 'cpu',
      kernelFunc: ({ inputs }) => {
        const { x, weight, bias, residual } = inputs as unknown as Record<string, tf.Tensor>;
        return tf.tidy(() =>
          tf.add(tf.add(tf.matMul(gelu(x!) as tf.Tensor2D, weight as tf.Tensor2D, false, true), bias!), residual!),
        );
      },
    });
  }

  test('what does not fit is named', () => {
    const [x, weight, bias] = inputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    expect(() => linear({ weight, bias }, x, { residual: x })).toThrow(
      'with the output [2,4] needs a residual of that shape, not [2,3]',
    );
    expect(() => linear({ weight, bias }, x, { activation: 'snake' })).toThrow("'snake' is not known");
  });
});

test('layer norm: value and gradients', () => {
  const p = initialize(layerNormSpec(4), 0);
  const x = tf.tensor2d([
    [1, 2, 3, 4],
    [-2, 0, 0, 2],
  ]);
  const s = Math.sqrt(1.25 + 1e-6);
  const t = Math.sqrt(2 + 1e-6);
  expectClose(layerNorm(p, x, 1e-6), [-1.5 / s, -0.5 / s, 0.5 / s, 1.5 / s, -2 / t, 0, 0, 2 / t]);
  checkGradients(
    (x, weight, bias) => tf.mul(layerNorm({ weight: weight!, bias: bias! }, x!, 1e-5), random([2, 3, 6], 9)),
    [random([2, 3, 6], 1), random([6], 2), random([6], 3)],
  );
  dispose(p);
});

test('RMS norm: value, gradients and other shapes', () => {
  const p = initialize(rmsNormSpec(2), 0);
  const s = Math.sqrt(12.5 + 1e-6);
  expectClose(
    rmsNorm(
      p,
      tf.tensor2d([
        [3, 4],
        [0, 0],
      ]),
      1e-6,
    ),
    [3 / s, 4 / s, 0, 0],
  );
  checkGradients(
    (x, weight) => tf.mul(rmsNorm({ weight: weight! }, x!, 1e-5), random([2, 3, 6], 9)),
    [random([2, 3, 6], 1), random([6], 2)],
  );
  dispose(p);
});

describe('activations at -3, -1, 0.5, 1, 2', () => {
  test.each([
    ['gelu', [-0.00404969, -0.15865525, 0.34573123, 0.84134475, 1.95449974]],
    ['gelu_new', [-0.00363739, -0.15880801, 0.34571401, 0.84119199, 1.95459769]],
    ['quick_gelu', [-0.01807131, -0.15420423, 0.35038844, 0.84579577, 1.93565862]],
    ['silu', [-0.14227762, -0.26894142, 0.31122967, 0.73105858, 1.76159416]],
    ['relu', [0, 0, 0.5, 1, 2]],
  ])('%s', (name, expected) => {
    expectClose(activation(name)(tf.tensor1d([-3, -1, 0.5, 1, 2])), expected, 2e-6);
  });

  test.each(['gelu', 'gelu_new', 'quick_gelu', 'silu'])('%s: gradient', (name) => {
    checkGradients((x) => tf.square(activation(name)(x!)), [random([20], 5)]);
  });

  test.each(['gelu', 'gelu_new', 'quick_gelu', 'silu', 'relu'])('gated by %s: value and gradients', (name) => {
    const [x, gate] = [random([3, 5], 1), random([3, 5], 2)];
    expectClose(gated(x, gate, name), tf.mul(x, activation(name)(gate)), 1e-6);
    checkGradients((x, gate) => tf.square(gated(x!, gate!, name)), [x, gate]);
  });

  test('gates of another shape are refused', () => {
    expect(() => gated(tf.ones([2, 3]), tf.ones([3]), 'silu')).toThrow('not [2,3] and [3].');
    expect(() => gated(tf.ones([2]), tf.ones([2]), 'gleu')).toThrow("'gleu' is not known");
  });

  test('an unknown name is refused with the known ones', () => {
    expect(() => activation('gleu')).toThrow(/'gleu' is not known; known are gelu, /);
    expect(() => activation('toString')).toThrow(/not known/);
  });
});

test('embedding: rows, and the gradient adds up where a row is used twice', () => {
  const p = initialize(embeddingSpec(4, 2), 1);
  const ids = tf.tensor2d(
    [
      [1, 3],
      [1, 0],
    ],
    [2, 2],
    'int32',
  );
  expect(embedding(p, ids).shape).toEqual([2, 2, 2]);
  const gradient = tf.grad((weight) => tf.sum(embedding({ weight }, ids)))(p.weight);
  expectClose(gradient, [1, 1, 2, 2, 0, 0, 1, 1]);
  dispose(p);
});

test('l2Normalize: unit length, zero stays zero and finite, gradient', () => {
  expectClose(
    l2Normalize(
      tf.tensor2d([
        [3, 4],
        [0, 0],
      ]),
    ),
    [0.6, 0.8, 0, 0],
  );
  checkGradients((x) => tf.mul(l2Normalize(x!), random([3, 4], 2)), [random([3, 4], 1)]);
});

describe('cross-entropy', () => {
  const logits = tf.tensor2d([
    [2, 0.5, -1, 0],
    [0, 1, 2, -1],
    [0.3, 0.1, 0.2, 0.4],
  ]);
  const labels = tf.tensor1d([0, 3, -100], 'int32');

  test('smoothed, with an ignored row', () => {
    const loss = crossEntropy(logits, labels, { smoothing: 0.1 }).dataSync();
    expect((loss[0]! + loss[1]!) / 2).toBeCloseTo(1.8975196, 5);
    expect(loss[2]).toBe(0);
  });

  test('gradient, none from the ignored row', () => {
    checkGradients((x) => crossEntropy(x as tf.Tensor2D, labels, { smoothing: 0.1 }), [logits]);
    const gradient = tf
      .grad((x) => tf.sum(crossEntropy(x as tf.Tensor2D, labels)))(logits)
      .dataSync();
    expect([...gradient.slice(8)]).toEqual([0, 0, 0, 0]);
  });

  test('other shapes are refused', () => {
    expect(() => crossEntropy(tf.ones([2, 3, 4]) as unknown as tf.Tensor2D, labels)).toThrow('[2,3,4]');
  });
});

describe('dropout', () => {
  const x = tf.ones([100, 50]);

  test('drops the share it should, the same for a seed, and scales what is left', () => {
    const values = dropout(x, 0.3, { training: true, seed: 5 }).dataSync();
    const kept = values.filter((v) => v !== 0);
    expect(kept.length / values.length).toBeGreaterThan(0.67);
    expect(kept.length / values.length).toBeLessThan(0.73);
    expect(kept[0]).toBeCloseTo(1 / 0.7, 6);
    expectClose(dropout(x, 0.3, { training: true, seed: 5 }), values, 0);
    expect(dropout(x, 0.3, { training: true, seed: 6 }).dataSync()).not.toEqual(values);
    expect([...values.slice(0, 50)].map((v) => v !== 0)).toEqual(
      Array.from({ length: 50 }, (_, i) => keepsElement(5, i, 0.3)),
    );
  });

  test('the gradient passes where the value passed', () => {
    const y = dropout(x, 0.3, { training: true, seed: 5 });
    expectClose(tf.grad((x) => tf.sum(dropout(x, 0.3, { training: true, seed: 5 })))(x), y, 0);
  });

  test('does nothing outside training', () => {
    expectClose(dropout(x, 0.9, { training: false, seed: 1 }), x, 0);
  });
});

test('functions free what they made', async () => {
  const p = initialize({ linear: linearSpec(4, 4), norm: layerNormSpec(4) }, 1);
  const x = random([3, 4], 1);
  await expectNoLeak(() => {
    tf.dispose([
      linear(p.linear, x),
      layerNorm(p.norm, x, 1e-5),
      gelu(x),
      gated(x, x, 'silu'),
      gated(x, x, 'relu'),
      rmsNorm(p.norm, x, 1e-5),
      l2Normalize(x),
      dropout(x, 0.5, { training: true, seed: 1 }),
    ]);
  });
  dispose(p);
  x.dispose();
});

test('linear: the gradient of a frozen weight is not computed', async () => {
  const p = initialize(linearSpec(4, 4), 1);
  const x = random([3, 4], 1);
  const profile = await tf.profile(() => tf.grad((x) => tf.sum(linear(p, x)))(x));
  expect(profile.kernelNames.filter((name) => name === 'BatchMatMul')).toHaveLength(1);
  dispose(p);
});

test('cross-entropy: labels made inside the differentiated function live until the gradient is taken', () => {
  const logits = random([2, 3], 1) as tf.Tensor2D;
  const gradient = tf.grad((x) => tf.tidy(() => tf.sum(crossEntropy(x as tf.Tensor2D, tf.tensor1d([0, 2], 'int32')))));
  expect(gradient(logits).shape).toEqual([2, 3]);
});
