import { checkGradients, expectClose, expectNoLeak } from '@blip2/testing';
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import {
  bind,
  dequantize,
  dispose,
  embedding,
  embeddingSpec,
  flatten,
  isPackable,
  linear,
  linearSpec,
  mapTree,
  normal,
  packedBytes,
  partition,
  type QuantizedFormat,
  type QuantizedValues,
  quantize,
  quantizedFormats,
  quantizedMatrix,
  rng,
} from '../index.js';

const random = (shape: readonly number[], seed: number): Float32Array => normal(1)(shape, rng(seed));
const matrixOf = (format: QuantizedFormat, shape: [number, number], seed = 1): QuantizedValues =>
  quantize(random(shape, seed), shape, format);

/** Largest error of a value, as a share of the largest magnitude of its row. */
const worst: { readonly [F in QuantizedFormat]: number } = {
  F16: 0.0005,
  BF16: 0.004,
  I8: 0.004,
  Q8_0: 0.0045,
  Q4_0: 0.126,
  Q4_1: 0.068,
  Q4_K: 0.085,
  Q6_K: 0.04,
};

describe.each(quantizedFormats)('%s', (format) => {
  test('packs to the bytes of its blocks, and unpacks close to the values', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer(),
        (rows, blocks, seed) => {
          const shape = [rows, isPackable(format, 5) ? 5 * blocks : 256 * blocks] as const;
          const values = random(shape, seed);
          const packed = quantize(values, shape, format);
          expect(packed.bytes.length).toBe(packedBytes(format, shape));
          const out = dequantize(packed);
          for (let row = 0; row < rows; row++) {
            const own = values.subarray(row * shape[1], (row + 1) * shape[1]);
            const most = own.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
            for (const [i, x] of own.entries())
              expect(Math.abs(out[row * shape[1] + i]! - x)).toBeLessThanOrEqual(worst[format] * most);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test('packing unpacked values again changes none', () => {
    const shape = [2, 256] as const;
    const once = dequantize(quantize(random(shape, 3), shape, format));
    const twice = dequantize(quantize(once, shape, format));
    const scale = format === 'Q4_K' || format === 'Q6_K' || format === 'Q4_1' ? 0.02 : 1e-6; // their scales are rounded again
    expectClose(tf.tensor1d(twice), Array.from(once), scale);
  });

  test('a row of zeros stays zero', () => {
    expect(dequantize(quantize(new Float32Array(256), [1, 256], format)).every((x) => x === 0)).toBe(true);
  });

  test('linear and embedding compute with the unpacked weight, and leave nothing behind', async () => {
    const values = matrixOf(format, [3, 256]);
    const dense = tf.tensor2d(dequantize(values), [3, 256]);
    const x = tf.tensor3d(random([2, 2, 256], 5), [2, 2, 256]);
    const bias = tf.tensor1d([1, 2, 3]);
    const residual = tf.tensor3d(random([2, 2, 3], 6), [2, 2, 3]);
    const ids = tf.tensor2d([2, 0, 1, 2], [2, 2], 'int32');
    await expectNoLeak(() => {
      const weight = quantizedMatrix(values);
      const pairs = [
        [
          linear({ weight, bias }, x, { activation: 'gelu', residual }),
          linear({ weight: dense, bias }, x, { activation: 'gelu', residual }),
        ],
        [linear({ weight }, x), linear({ weight: dense }, x)],
        [embedding({ weight }, ids), embedding({ weight: dense }, ids)],
      ] as const;
      for (const [mine, right] of pairs) {
        expect(mine.shape).toEqual(right.shape);
        expectClose(mine, Array.from(right.dataSync()), 1e-4);
        tf.dispose([mine, right]);
      }
      weight.dispose();
      expect(weight.isDisposed).toBe(true);
    });
  });
});

// A block of each format, by hand from its description in ggml.

const halves = (...values: number[]): number[] =>
  values.flatMap((x) => [...new Uint8Array(quantize(Float32Array.of(x), [1, 1], 'F16').bytes)]);
const unpackedBlock = (format: QuantizedFormat, bytes: readonly number[], size: number): number[] =>
  Array.from(dequantize({ format, shape: [1, size], bytes: Uint8Array.from(bytes) }));

test('Q8_0: a scale, then 32 signed bytes', () => {
  const bytes = Array.from({ length: 32 }, (_, i) => (i * 8 - 128) & 255);
  expect(unpackedBlock('Q8_0', [...halves(0.5), ...bytes], 32)).toEqual(bytes.map((_, i) => 0.5 * (i * 8 - 128)));
});

test('Q4_0 and Q4_1: byte i has the values i and 16 + i', () => {
  const bytes = Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4));
  const numbers = [...bytes.keys(), ...bytes.map((_, i) => 15 - i)];
  expect(unpackedBlock('Q4_0', [...halves(2), ...bytes], 32)).toEqual(numbers.map((q) => 2 * (q - 8)));
  expect(unpackedBlock('Q4_1', [...halves(0.5, -3), ...bytes], 32)).toEqual(numbers.map((q) => 0.5 * q - 3));
});

test('Q4_K: six bits of scale and minimum for each of 8 parts', () => {
  const scales = [1, 2, 3, 33, 20, 37, 50, 63];
  const minima = [5, 0, 63, 1, 17, 34, 2, 48];
  const packed = [
    ...[0, 1, 2, 3].map((i) => scales[i]! | ((scales[i + 4]! >> 4) << 6)),
    ...[0, 1, 2, 3].map((i) => minima[i]! | ((minima[i + 4]! >> 4) << 6)),
    ...[4, 5, 6, 7].map((i) => (scales[i]! & 15) | ((minima[i]! & 15) << 4)),
  ];
  const nibbles = Array.from({ length: 128 }, (_, i) => (i % 16) | (((i * 7) % 16) << 4));
  const out = unpackedBlock('Q4_K', [...halves(0.5, 0.25), ...packed, ...nibbles], 256);
  for (let i = 0; i < 256; i++) {
    const part = i >> 5;
    const q = (nibbles[32 * (part >> 1) + (i & 31)]! >> (4 * (part & 1))) & 15;
    expect(out[i]).toBe(0.5 * scales[part]! * q - 0.25 * minima[part]!);
  }
});

test('Q6_K: 4 bits, 2 bits, 16 signed scales', () => {
  const bytes = Array.from({ length: 192 }, (_, i) => (i * 73) & 255);
  const scales = Array.from({ length: 16 }, (_, i) => 15 * i - 112);
  const out = unpackedBlock('Q6_K', [...bytes, ...scales.map((s) => s & 255), ...halves(0.125)], 256);
  // The values 0, 32, 64 and 96 of each half of the block share a byte of the upper bits.
  for (const [i, low, high] of [
    [0, bytes[0]! & 15, bytes[128]! & 3],
    [33, bytes[33]! & 15, (bytes[129]! >> 2) & 3],
    [66, bytes[2]! >> 4, (bytes[130]! >> 4) & 3],
    [99, bytes[35]! >> 4, (bytes[131]! >> 6) & 3],
    [128, bytes[64]! & 15, bytes[160]! & 3],
    [255, bytes[127]! >> 4, (bytes[191]! >> 6) & 3],
  ] as const) {
    expect(out[i]).toBe(0.125 * scales[i >> 4]! * ((low | (high << 4)) - 32));
  }
});

describe('gradients', () => {
  test('with respect to x, bias and residual', () => {
    const weight = quantizedMatrix(matrixOf('Q8_0', [3, 32]));
    const inputs = [random([2, 32], 1), random([3], 2), random([2, 3], 3)].map((values, i) =>
      tf.tensor(values, [[2, 32], [3], [2, 3]][i]!),
    );
    checkGradients(
      (x, bias, residual) => tf.square(linear({ weight, bias: bias! }, x!, { activation: 'gelu', residual })),
      inputs,
    );
    tf.dispose([weight, ...inputs]);
  });
});

describe('a packed matrix in a tree', () => {
  const spec = { table: embeddingSpec(2, 32), layer: linearSpec(32, 2) };
  const values = matrixOf('Q4_0', [2, 32]);
  const dense = { shape: [2], dtype: 'F32' };
  const source = {
    origin: 'model.safetensors',
    names: new Map([
      ['table.weight', { shape: [2, 32], dtype: 'Q4_0' }],
      ['layer.weight', { shape: [2, 32], dtype: 'Q4_0' }],
      ['layer.bias', dense],
    ]),
    read: async () => new Float32Array(2),
    quantized: async (name: string) => (name.endsWith('weight') ? values : undefined),
    close: async () => {},
  };

  test('is bound, flattened, mapped, read and freed like a tensor', async () => {
    await expectNoLeak(async () => {
      const p = await bind(spec, source);
      expect(Object.keys(flatten(p))).toEqual(['table.weight', 'layer.weight', 'layer.bias']);
      expect(p.layer.weight.shape).toEqual([2, 32]);
      expect(p.layer.weight.dataSync()).toEqual(dequantize(values));
      expect(await p.layer.weight.data()).toEqual(dequantize(values));
      const copies = mapTree(p, (x) => x.clone());
      dispose(p);
      const y = tf.tidy(() => linear(copies.layer, embedding(copies.table, tf.tensor1d([1], 'int32'))));
      expect(y.shape).toEqual([1, 2]);
      y.dispose();
      dispose(copies);
    });
  });

  test('is freed where a scope ends only by its owner', () => {
    const { numTensors } = tf.memory();
    const weight = tf.tidy(() => quantizedMatrix(values));
    expect(tf.tidy(() => linear({ weight }, tf.zeros([1, 32])).shape)).toEqual([1, 2]);
    tf.dispose(weight);
    expect(weight.isDisposed).toBe(true);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  test('cannot be trained, nor be an input of other ops', () => {
    const weight = quantizedMatrix(values);
    expect(() => partition({ layer: { weight } }, [['', 'trainable']])).toThrow(
      "'layer.weight' is packed as Q4_0 and cannot be trained; freeze it, or load it as float32.",
    );
    expect(partition({ layer: { weight } }, [['', 'frozen']]).frozen['layer.weight']).toBe(weight);
    expect(() => tf.mul(weight, 2)).toThrow('A matrix [2,32] that is packed as Q4_0 is no input of this op');
    weight.dispose();
  });
});

test('what does not fit is an error that says so', () => {
  expect(() => quantize(new Float32Array(40), [1, 40], 'Q4_0')).toThrow(
    'A matrix [1,40] cannot be Q4_0: its rows are not whole blocks of 32; use I8, F16 or float32.',
  );
  expect(() => quantize(new Float32Array(30), [1, 32], 'Q4_0')).toThrow('A matrix [1,32] has 32 values, not 30.');
  expect(() => quantize(Float32Array.of(Number.NaN), [1, 1], 'I8')).toThrow('not finite cannot be packed as I8');
  const { bytes } = matrixOf('I8', [2, 3]);
  expect(() => dequantize({ format: 'I8', shape: [2, 3], bytes })).toThrow(
    'A I8 matrix of 2 rows has 2 scales, not none.',
  );
  expect(() => quantizedMatrix({ format: 'Q8_0', shape: [1, 32], bytes })).toThrow(
    'A Q8_0 matrix [1,32] has 34 bytes, not 6.',
  );
  const weight = quantizedMatrix(matrixOf('Q8_0', [2, 32]));
  expect(() => embedding({ weight }, tf.tensor1d([2], 'int32'))).toThrow('The id 2 is no row of a matrix of 2 rows.');
  weight.dispose();
});
