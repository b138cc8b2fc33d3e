import {
  type FeedForward,
  type Linear,
  linear,
  normed,
  normedFeedForward,
  normedLinears,
  type QuantizedFormat,
  QuantizedMatrix,
  quantize,
  quantizedMatrix,
} from '@blip2/tensor';
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import { backend, numbers } from '../test-support/both.js';

const D = 256;
const F = 512;

function layer(format: QuantizedFormat, [O, I]: [number, number], seed: number, bias: boolean): Linear {
  const weight = quantizedMatrix(quantize(numbers([O, I], seed), [O, I], format));
  return { weight, ...(bias && { bias: tf.tensor1d(numbers([O], seed + 1)) }) } as Linear;
}

const norms = {
  rms: () => ({ norm: { weight: tf.tensor1d(numbers([D], 1)) }, epsilon: 1e-5 }),
  layer: () => ({ norm: { weight: tf.tensor1d(numbers([D], 1)), bias: tf.tensor1d(numbers([D], 2)) }, epsilon: 1e-5 }),
};

/** The kernels that run. */
function kernelsOf(f: () => void): string[] {
  return backend.profile(f).map(({ name }) => name);
}

/** What `f` gives, and what it gives while a gradient is recorded, of whose value no kernel of several steps has part. */
function bothWays(x: tf.Tensor, f: (x: tf.Tensor) => tf.Tensor[]): [one: Float32Array[], apart: Float32Array[]] {
  const values = (tensors: tf.Tensor[]) => tensors.map((y) => y.dataSync() as Float32Array);
  const one = values(f(x));
  let apart: Float32Array[] = [];
  tf.grad((x) => {
    const all = f(x);
    apart = values(all);
    return tf.sum(all[0]!);
  })(x);
  return [one, apart];
}

describe.each(['I8', 'Q8_0', 'Q4_0', 'Q4_1', 'Q4_K', 'Q6_K', 'F16', 'BF16'] as const)('%s', (format) => {
  test.each([
    [1, 'rms', false],
    [3, 'layer', true],
    [20, 'rms', true],
  ] as const)('layers of one normed input, %i rows, %s', (M, kind, bias) => {
    const { live } = backend.heap.statistics();
    tf.tidy(() => {
      const x = tf.tensor3d(numbers([M, D], 9, 3), [1, M, D]);
      const layers = [layer(format, [D, D], 3, bias), layer('I8', [24, D], 5, false), layer(format, [33, D], 7, bias)];
      const of = (x: tf.Tensor): tf.Tensor[] => normedLinears(layers, x, norms[kind]());
      const [one, apart] = bothWays(x, of);
      expect(one).toEqual(apart);
      expect(kernelsOf(() => of(x))).toEqual(['QuantizedLinears']);
      expect(one.map(({ length }) => length)).toEqual([M * D, M * 24, M * 33]);
      for (const { weight } of layers) weight.dispose();
    });
    expect(backend.heap.statistics().live).toBe(live);
  });

  test.each([
    [1, 'silu', true],
    [2, 'relu', false],
    [19, 'gelu', false],
    [21, 'silu', true],
  ] as const)('a feed-forward network, %i rows, %s, gated: %s', (M, activation, isGated) => {
    const { live } = backend.heap.statistics();
    tf.tidy(() => {
      const x = tf.tensor2d(numbers([M, D], 9, 3), [M, D]);
      const layers: FeedForward = {
        up: layer(format, [F, D], 3, !isGated),
        down: layer(format, [D, F], 5, true),
        ...(isGated && { gate: layer(format, [F, D], 7, false) }),
      };
      const of = (x: tf.Tensor): tf.Tensor[] => [normedFeedForward(layers, x, { ...norms.layer(), activation })];
      const [one, apart] = bothWays(x, of);
      expect(one).toEqual(apart);
      expect(kernelsOf(() => of(x))).toEqual(['QuantizedFeedForward']);
      for (const { weight } of Object.values(layers)) weight.dispose();
    });
    expect(backend.heap.statistics().live).toBe(live);
  });
});

test('matrices outside the heap are lent one after the other', () => {
  tf.tidy(() => {
    const O = 4 * D;
    const values = quantize(numbers([O, D], 3), [O, D], 'I8');
    const words = new Int32Array(values.bytes.buffer, 0, values.bytes.length / 4);
    const outside = (): Linear => {
      const lent = tf.engine().runKernel('Outside', {}, { words, shape: [words.length] } as never) as tf.Tensor;
      const scales = tf.tensor1d(values.scales as Float32Array);
      return { weight: new QuantizedMatrix({ format: 'I8', shape: [O, D], words: lent, scales }) };
    };
    const layers = [outside(), outside(), outside()];
    const x = tf.tensor2d(numbers([1, D], 9), [1, D]);
    const expected = linear({ weight: quantizedMatrix(values) } as Linear, normed(x, norms.rms())).dataSync();
    const { live } = backend.heap.statistics();
    let most = 0;
    const allocate = backend.heap.allocate.bind(backend.heap);
    backend.heap.allocate = (bytes) => {
      const at = allocate(bytes);
      most = Math.max(most, backend.heap.statistics().live);
      return at;
    };
    const found = normedLinears(layers, x, norms.rms());
    Reflect.deleteProperty(backend.heap, 'allocate');
    for (const y of found) expect(y.dataSync()).toEqual(expected);
    expect(most - live).toBeLessThan(2 * O * D); // not three of O·D bytes at once
  });
});
