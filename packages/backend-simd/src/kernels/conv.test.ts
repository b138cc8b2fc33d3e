import { expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { backend, expectSame, numbers } from '../test-support/both.js';

const tensor4 = (shape: number[], seed: number): tf.Tensor4D =>
  tf.tensor4d(numbers(shape, seed), shape as [number, number, number, number]);

const side = fc.integer({ min: 1, max: 4 });
const pads = fc.constantFrom('same', 'valid', 0, 1, 2, [
  [0, 0],
  [1, 2],
  [0, 1],
  [0, 0],
]) as fc.Arbitrary<'same'>;
const cases = fc.record({
  B: fc.integer({ min: 1, max: 3 }),
  H: fc.integer({ min: 5, max: 9 }),
  W: fc.integer({ min: 5, max: 9 }),
  C: fc.integer({ min: 1, max: 7 }),
  O: fc.integer({ min: 1, max: 9 }),
  kH: side,
  kW: side,
  strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  pad: pads,
});

test('conv2d of any size, stride and padding, and its gradients', () => {
  fc.assert(
    fc.property(cases, ({ B, H, W, C, O, kH, kW, strides, pad }) => {
      const make = (): [tf.Tensor4D, tf.Tensor4D] => [tensor4([B, H, W, C], 1), tensor4([kH, kW, C, O], 2)];
      expectSame(() => tf.conv2d(...make(), strides, pad));
      expectSame(() => {
        const f = tf.grads((x, w) => tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, pad))));
        return f(make());
      }, 2e-5);
    }),
    { numRuns: 30, seed: 5 },
  );
});

test('dilated conv2d', () => {
  for (const dilation of [
    [2, 2],
    [1, 3],
  ] as [number, number][]) {
    for (const pad of ['same', 'valid'] as const) {
      expectSame(() => tf.conv2d(tensor4([2, 9, 8, 3], 1), tensor4([3, 2, 3, 5], 2), 1, pad, 'NHWC', dilation));
    }
  }
});

test('many blocks of windows, and gradients of their lines', () => {
  expectSame(() => {
    const f = tf.valueAndGrads((x, w) =>
      tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, [2, 1], 'same'))),
    );
    const { value, grads } = f([tensor4([3, 41, 30, 5], 1), tensor4([5, 3, 5, 6], 2)]);
    return [value, ...grads];
  }, 1e-4);
});

test('pointwise, patch and whole-image convolutions', () => {
  for (const [kernel, stride] of [
    [1, 1],
    [4, 4],
    [8, 1],
  ] as [number, number][]) {
    expectSame(() => {
      const inputs = [tensor4([2, 8, 8, 6], 1), tensor4([kernel, kernel, 6, 7], 2)];
      const f = tf.valueAndGrads((x, w) =>
        tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, 'valid'))),
      );
      const { value, grads } = f(inputs);
      return [value, ...grads];
    }, 2e-5);
  }
});

test.each(['linear', 'relu', 'sigmoid', 'relu6', 'elu', 'leakyrelu', 'prelu'] as const)(
  'fused conv2d, depthwise too: %s, and gradients',
  (activation) => {
    for (const fused of [tf.fused.conv2d, tf.fused.depthwiseConv2d]) {
      const run = (x: tf.Tensor, filter: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
        fused({
          x: x as tf.Tensor4D,
          filter: filter as tf.Tensor4D,
          strides: 1,
          pad: 'same',
          bias,
          activation,
          leakyreluAlpha: 0.1,
          ...(activation === 'prelu' ? { preluActivationWeights: tf.tensor1d(numbers([6], 9)) } : {}),
        });
      const make = (): [tf.Tensor, tf.Tensor, tf.Tensor] => [
        tensor4([2, 6, 5, 3], 1),
        tensor4(fused === tf.fused.conv2d ? [3, 3, 3, 6] : [3, 3, 3, 2], 2),
        tf.tensor1d(numbers([6], 3)),
      ];
      expectSame(() => run(...make()));
      if (activation !== 'linear' && activation !== 'relu') continue; // tfjs has gradients of these two
      expectSame(() => tf.grads((x, w, b) => tf.sum(tf.square(run(x!, w!, b!))))(make()), 2e-5);
    }
  },
);

test('a bias that is one number, channels first and integers are left to tfjs', () => {
  const [x, filter] = [() => tensor4([1, 5, 5, 2], 1), () => tensor4([3, 3, 2, 4], 2)];
  expectSame(() => tf.fused.conv2d({ x: x(), filter: filter(), strides: 1, pad: 'same', bias: tf.scalar(2) }));
  expectSame(() => tf.conv2d(tensor4([1, 2, 5, 5], 1), filter(), 1, 'same', 'NCHW'));
  expectSame(() => tf.conv2d(tensor4([0, 5, 5, 2], 1), filter(), 1, 'same'));
});

test('conv1d and transposed conv2d', () => {
  expectSame(() =>
    tf.conv1d(
      tf.tensor3d(numbers([2, 11, 3], 1), [2, 11, 3]),
      tf.tensor3d(numbers([3, 3, 4], 2), [3, 3, 4]),
      2,
      'same',
    ),
  );
  expectSame(() => tf.conv2dTranspose(tensor4([2, 4, 5, 3], 1), tensor4([3, 3, 6, 3], 2), [2, 8, 10, 6], 2, 'same'));
});

test('depthwise conv2d with and without a multiplier, and its gradients', () => {
  fc.assert(
    fc.property(cases, fc.constantFrom(1, 2, 3), ({ B, H, W, C, kH, kW, strides, pad }, m) => {
      const channels = C === 7 ? 37 : C;
      const make = (): [tf.Tensor4D, tf.Tensor4D] => [
        tensor4([B, H, W, channels], 1),
        tensor4([kH, kW, channels, m], 2),
      ];
      expectSame(() => tf.depthwiseConv2d(...make(), strides, pad));
      expectSame(() => {
        const f = tf.grads((x, w) =>
          tf.sum(tf.square(tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, pad))),
        );
        return f(make());
      }, 2e-5);
    }),
    { numRuns: 25, seed: 6 },
  );
  expectSame(() => tf.depthwiseConv2d(tensor4([2, 9, 9, 20], 1), tensor4([3, 3, 20, 1], 2), 1, 'same', 'NHWC', 2));
});

test('the same bits with one thread and with two', () => {
  const f = (): number[][] =>
    tf.tidy(() => {
      const inputs = [tensor4([2, 40, 40, 8], 1), tensor4([3, 3, 8, 8], 2), tensor4([3, 3, 8, 1], 3)];
      const { value, grads } = tf.valueAndGrads((x, w, d) => {
        const y = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same');
        return tf.sum(tf.square(tf.depthwiseConv2d(y, d as tf.Tensor4D, 1, 'same')));
      })(inputs);
      return [value, ...grads].map((t) => Array.from(t.dataSync()));
    });
  const two = f();
  backend.setThreads(1);
  const one = f();
  backend.setThreads(2);
  expect(one).toEqual(two);
});

test('convolutions and their gradients leave nothing to tfjs', () => {
  const ops = backend.profile(() =>
    tf.tidy(() => {
      const inputs = [tensor4([1, 6, 6, 3], 1), tensor4([3, 3, 3, 3], 2), tensor4([3, 3, 3, 2], 3)];
      tf.grads((x, w, d) => {
        const y = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'same');
        return tf.sum(tf.depthwiseConv2d(y, d as tf.Tensor4D, 1, 'same'));
      })(inputs);
    }),
  );
  expect(ops.filter((op) => op.fallbacks > 0)).toEqual([]);
});
