import {
  dequantize,
  isPackable,
  packedBytes,
  type QuantizedFormat,
  type QuantizedValues,
  quantize,
} from '@blip2/tensor';
import { describe, expect, test } from '@jest/globals';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { register } from '../register.js';
import { backend, kernel, numbers } from '../test-support/both.js';
import { quantizedReference } from '../test-support/quantized.js';
import { readsActivations } from './quantized.js';

const plain = await register({ name: 'plain', relaxedSimd: false, threads: 1 });
tf.setBackend('simd');

const INTEGER = ['I8', 'Q8_0', 'Q4_0', 'Q4_1', 'Q4_K', 'Q6_K'] as const;
const HALF = ['F16', 'BF16'] as const;

/** A matrix whose bytes are random but for its scales, which would be NaN or huge otherwise. */
function anyMatrix(format: QuantizedFormat, shape: [number, number], seed: number): QuantizedValues {
  const packed = quantize(numbers(shape, seed), shape, format);
  const noise = numbers([packed.bytes.length], seed + 1, 128);
  const isScale: (i: number) => boolean = {
    I8: () => false,
    F16: () => true,
    BF16: () => true,
    Q8_0: (i: number) => i % 34 < 2,
    Q4_0: (i: number) => i % 18 < 2,
    Q4_1: (i: number) => i % 20 < 4,
    Q4_K: (i: number) => i % 144 < 4,
    Q6_K: (i: number) => i % 210 >= 208,
  }[format];
  const bytes = packed.bytes.map((byte, i) => (isScale(i) ? byte : noise[i]! & 255));
  return { ...packed, bytes };
}

interface Given {
  readonly x: Float32Array;
  readonly w: QuantizedValues;
  readonly bias?: Float32Array;
  readonly residual?: Float32Array;
  readonly activation?: string;
}

const wordsOf = (bytes: Uint8Array): Int32Array => {
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return words;
};

/** Runs a kernel over a packed matrix; only its result stays, as numbers. */
function run(name: string, w: QuantizedValues, inputs: Record<string, tf.Tensor>, attrs: object = {}): Float32Array {
  return tf.tidy(() => {
    const packed = {
      words: tf.tensor1d(wordsOf(w.bytes), 'int32'),
      ...(w.scales && { scales: tf.tensor1d(w.scales) }),
    };
    const all = { format: w.format, shape: w.shape, ...attrs };
    return kernel(name, { ...inputs, ...packed }, all)[0]!.dataSync() as Float32Array;
  });
}

const linear = ({ x, w, bias, residual, activation = 'none' }: Given): Float32Array =>
  tf.tidy(() => {
    const [N, K] = w.shape;
    const M = x.length / K;
    const inputs = {
      x: tf.tensor2d(x, [M, K]),
      ...(bias && { bias: tf.tensor1d(bias) }),
      ...(residual && { residual: tf.tensor2d(residual, [M, N]) }),
    };
    return run('QuantizedLinear', w, inputs, { activation });
  });

const close = (mine: Float32Array, right: Float32Array, tolerance: number): void => {
  expect(mine.length).toBe(right.length);
  const most = right.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
  for (const [i, v] of right.entries())
    if (!(Math.abs(mine[i]! - v) <= tolerance * most)) expect([i, mine[i]]).toEqual([i, v]);
};

/** x · Wᵀ in double precision. */
function dense(x: Float32Array, w: QuantizedValues): Float32Array {
  const [N, K] = w.shape;
  const values = dequantize(w);
  const y = new Float32Array((x.length / K) * N);
  for (let i = 0; i < y.length; i++) {
    const [m, n] = [Math.floor(i / N), i % N];
    let sum = 0;
    for (let k = 0; k < K; k++) sum += x[m * K + k]! * values[n * K + k]!;
    y[i] = sum;
  }
  return y;
}

const widths = (format: QuantizedFormat): number => (format === 'I8' ? 1 : isPackable(format, 32) ? 32 : 256);

describe.each(INTEGER)('%s', (format) => {
  test('products have the bits of the reference, in any build, shape and number of threads', () => {
    const shapes = fc.record({
      M: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(...(readsActivations(format, 40) ? [17, 40] : [16]))),
      N: fc.integer({ min: 1, max: 70 }),
      // as long as several chunks of blocks that native kernels unpack at once, too
      blocks: fc.oneof(
        fc.integer({ min: 1, max: format === 'I8' ? 100 : format.endsWith('K') ? 2 : 5 }),
        fc.constant(Math.floor(1600 / widths(format))),
      ),
      seed: fc.integer({ min: 0, max: 1000 }),
      bias: fc.boolean(),
      residual: fc.boolean(),
      threads: fc.constantFrom(1, 2, 3),
    });
    const { live } = backend.heap.statistics();
    fc.assert(
      fc.property(shapes, ({ M, N, blocks, seed, bias, residual, threads }) => {
        const K = blocks * widths(format);
        const w = anyMatrix(format, [N, K], seed);
        const given = {
          x: numbers([M, K], seed + 2, 3),
          w,
          ...(bias && { bias: numbers([N], seed + 3) }),
          ...(residual && { residual: numbers([M, N], seed + 4) }),
        };
        const right = quantizedReference(given.x, w, given);
        backend.setThreads(threads);
        expect(linear(given)).toEqual(right);
        tf.setBackend('plain');
        try {
          expect(linear(given)).toEqual(right);
        } finally {
          tf.setBackend('simd');
        }
      }),
      { numRuns: 15 },
    );
    backend.setThreads(2);
    expect(backend.heap.statistics().live).toBe(live);
  });

  test('a product is close to that with the unpacked weight', () => {
    const w = quantize(numbers([24, 512], 5), [24, 512], format);
    const x = numbers([3, 512], 6);
    close(linear({ x, w }), dense(x, w), 0.02);
  });

  (readsActivations(format, 18) ? test.skip : test)('many rows are multiplied by the unpacked weight', () => {
    const [M, N] = [18, 801];
    const w = quantize(numbers([N, 256], 5), [N, 256], format);
    const x = numbers([M, 256], 6);
    const bias = numbers([N], 7);
    const residual = numbers([M, N], 8);
    close(
      linear({ x, w, bias, residual }),
      dense(x, w).map((v, i) => v + bias[i % N]! + residual[i]!),
      1e-5,
    );
  });

  test('zeros, NaN and infinities of x stay in their rows', () => {
    const w = anyMatrix(format, [5, 256], 7);
    const x = numbers([4, 256], 8);
    x.fill(0, 0, 256);
    x[256 + 40] = Number.NaN;
    x[512 + 3] = Number.POSITIVE_INFINITY;
    const y = linear({ x, w });
    expect([...y.subarray(0, 5)].every((v) => v === 0)).toBe(true);
    expect([...y.subarray(5, 15)].some((v) => Number.isFinite(v))).toBe(false);
    expect([...y.subarray(15)].every((v) => Number.isFinite(v))).toBe(true);
  });
});

describe.each(HALF)('%s', (format) => {
  test.each([
    [1, 3, 5],
    [3, 17, 100],
    [12, 33, 64],
    [13, 40, 37],
    [20, 900, 33],
  ])('products of %i rows with [%i,%i]', (M, N, K) => {
    const w = quantize(numbers([N, K], 1), [N, K], format);
    const x = numbers([M, K], 2);
    const bias = numbers([N], 3);
    const residual = numbers([M, N], 4);
    const right = dense(x, w).map((v, i) => v + bias[i % N]! + residual[i]!);
    close(linear({ x, w, bias, residual }), right, 1e-5);
    close(linear({ x, w }), dense(x, w), 1e-5);
  });
});

describe.each([...INTEGER, ...HALF])('%s', (format) => {
  const width = Math.max(widths(format), 32) === 32 ? 96 : 512;

  test('rows by ids have the bits of the unpacked matrix', () => {
    const w = anyMatrix(format, [7, width], 9);
    const values = dequantize(w);
    const ids = [6, 0, 3, 3];
    const rows = run('QuantizedGather', w, { ids: tf.tensor2d(ids, [2, 2], 'int32') });
    expect(rows).toEqual(Float32Array.from(ids.flatMap((id) => [...values.subarray(id * width, (id + 1) * width)])));
    expect(() => run('QuantizedGather', w, { ids: tf.tensor1d([7], 'int32') })).toThrow(
      'The id 7 is no row of a matrix of 7 rows.',
    );
  });

  test.each([
    [1, 5],
    [3, 900],
    [21, 1700],
  ])('the gradient of %i rows with %i outputs', (M, N) => {
    const w = quantize(numbers([N, width], 1), [N, width], format);
    const dy = numbers([M, N], 2);
    const values = dequantize(w);
    const right = new Float32Array(M * width);
    for (let m = 0; m < M; m++) {
      for (let k = 0; k < width; k++) {
        let sum = 0;
        for (let n = 0; n < N; n++) sum += dy[m * N + n]! * values[n * width + k]!;
        right[m * width + k] = sum;
      }
    }
    const { live } = backend.heap.statistics();
    const dx = tf.tidy(() => run('QuantizedLinearGrad', w, { dy: tf.tensor2d(dy, [M, N]) }));
    close(dx, right, 1e-5);
    expect(backend.heap.statistics().live).toBe(live);
  });
});

test('an activation is applied to x first', () => {
  const w = quantize(numbers([5, 64], 1), [5, 64], 'Q8_0');
  const x = numbers([2, 64], 2);
  const silu = x.map((v) => v / (1 + Math.exp(-v)));
  close(linear({ x, w, activation: 'silu' }), dense(silu, w), 0.01);
});

test('a matrix that is not whole is refused', () => {
  const w = quantize(numbers([5, 64], 1), [5, 64], 'Q8_0');
  const x = numbers([2, 64], 2);
  expect(packedBytes('Q8_0', [5, 64])).toBe(340);
  expect(() => linear({ x, w: { ...w, bytes: w.bytes.subarray(0, 300) } })).toThrow(
    'A Q8_0 matrix [5,64] needs 85 words and whole blocks; it has 75 words.',
  );
  expect(() => linear({ x, w: { ...w, format: 'Q5_0' as QuantizedFormat } })).toThrow(
    'no kernels for matrices that are packed as Q5_0',
  );
});

test('the plain build is another backend', () => {
  expect(plain.relaxedSimd).toBe(false);
  expect(backend.relaxedSimd).toBe(true);
});
